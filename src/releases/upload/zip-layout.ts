import type { ArchiveLimits } from './limits.ts'
import { refusal } from './refusals.ts'
import { openZip, zipName } from './zip-open.ts'

const LOCAL_HEADER_BYTES = 30
/** What may follow the last entry of a central directory: its end, that of zip64, a signature. */
const AFTER_DIRECTORY = new Set([0x06054b50, 0x06064b50, 0x05054b50])

/**
 * Checks a zip's central directory as a whole, without reading contents: no two entries may share bytes (that is how
 * small zips expand without bound: David Fifield, "A better zip bomb", 2019), and the directory has to have as
 * many entries as its end says.
 * @throws {Problem} `too_many_entries`, `zip_overlap`, `zip_mismatch`; yauzl's errors as they are
 */
export async function checkZipLayout(path: string, limits: ArchiveLimits): Promise<void> {
  const { zip, reader } = await openZip(path)
  try {
    if (zip.entryCount > limits.maxEntries) {
      throw refusal('too_many_entries', { more: `Accepted are ${limits.maxEntries}, folders included.` })
    }
    // yauzl's types take the cursor for a boolean.
    const directoryStart = Number(zip.readEntryCursor)
    const starts = new Float64Array(zip.entryCount)
    const ends = new Float64Array(zip.entryCount)
    let read = 0
    for await (const entry of zip.eachEntry()) {
      const start = entry.relativeOffsetOfLocalHeader
      const end = start + LOCAL_HEADER_BYTES + entry.fileNameLength + entry.compressedSize
      if (end > directoryStart) throw refusal('zip_overlap', { entry: zipName(entry) })
      starts[read] = start
      ends[read++] = end
    }
    const after = await reader.bytes(Number(zip.readEntryCursor), 4)
    if (after.length < 4 || !AFTER_DIRECTORY.has(after.readUInt32LE())) {
      throw refusal('zip_mismatch', { more: 'Its directory has another number of entries than it says.' })
    }
    const overlap = firstOverlap(starts, ends)
    if (overlap !== undefined) throw refusal('zip_overlap', { entry: await nameAt(path, overlap) })
  } finally {
    zip.close()
  }
}

/** Index of the first range that begins within another, if there is one. */
function firstOverlap(starts: Float64Array, ends: Float64Array): number | undefined {
  const order = Uint32Array.from(starts.keys()).sort((a, b) => (starts[a] ?? 0) - (starts[b] ?? 0))
  let end = 0
  for (const index of order) {
    const start = starts[index] ?? 0
    if (start < end) return index
    end = ends[index] ?? 0
  }
  return undefined
}

/** Name of an entry by its place in the directory; names are too many to be kept for an error. */
async function nameAt(path: string, index: number): Promise<string | undefined> {
  const { zip } = await openZip(path)
  try {
    let at = 0
    for await (const entry of zip.eachEntry()) if (at++ === index) return zipName(entry)
    return undefined
  } finally {
    zip.close()
  }
}
