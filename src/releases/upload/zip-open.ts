import { open } from 'node:fs/promises'
import yauzl from 'yauzl'
import { decodeName } from './names.ts'
import { refusal } from './refusals.ts'
import { ZipReader } from './zip-reader.ts'

const FLAG_UTF8 = 0x800
const UNICODE_PATH_FIELD = 0x7075

/** A zip opened for one walk over its entries; `zip.close()` closes the file. */
export type OpenZip = { zip: yauzl.ZipFile; reader: ZipReader }

/** Opens a zip for reading it entry by entry: names stay bytes, entries come when they are asked for. */
export async function openZip(path: string): Promise<OpenZip> {
  const file = await open(path)
  try {
    const { size } = await file.stat()
    const reader = new ZipReader(file, path)
    const options = { autoClose: false, decodeStrings: false, validateEntrySizes: true }
    const zip = await yauzl.fromRandomAccessReaderPromise(reader, size, options)
    // yauzl reports what a close fails with as an event; nothing was written, so nothing is lost.
    zip.on('error', () => {})
    return { zip, reader }
  } catch (error) {
    await file.close()
    throw error
  }
}

/** An entry's name: UTF-8 if it says so or can be read as such, else the code page of old DOS. */
export function zipName(entry: yauzl.Entry): string {
  const { fileNameRaw, generalPurposeBitFlag, extraFields } = entry
  const named = yauzl.getFileNameLowLevel(generalPurposeBitFlag, fileNameRaw, extraFields, true)
  // Of an Info-ZIP Unicode path field only the text is left: what was no UTF-8 in it shows as U+FFFD.
  const hasUnicodePath = extraFields.some(field => field.id === UNICODE_PATH_FIELD)
  if (hasUnicodePath && named.includes('\ufffd')) throw refusal('name_not_utf8', { entry: named })
  if (hasUnicodePath) return named
  if (generalPurposeBitFlag & FLAG_UTF8) return decodeName(fileNameRaw)
  try {
    return decodeName(fileNameRaw)
  } catch {
    return named
  }
}
