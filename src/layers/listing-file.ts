import { createReadStream } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { StringDecoder } from 'node:string_decoder'
import { createGunzip, createGzip } from 'node:zlib'
import type { Entry, Listing } from './listing.ts'

/** First line of a listing's file: what follows is whole and as this version writes it. */
type Head = { listing: 1; entries: number }

/** Entries that are written at once; for very many of them that would take long. */
const PORTION = 256
const chunkSize = 64 * 1024

/** Writes a listing as gzip'ed JSON lines. */
export async function writeListing(file: FileHandle, listing: Listing): Promise<void> {
  await pipeline(linesOf(listing), createGzip({ level: 1, chunkSize }), async chunks => {
    for await (const chunk of chunks) await file.writeFile(chunk as Buffer)
  })
}

function* linesOf(listing: Listing): Generator<string> {
  const head: Head = { listing: 1, entries: listing.length }
  yield `${JSON.stringify(head)}\n`
  for (let at = 0; at < listing.length; at += PORTION) {
    const lines = listing.slice(at, at + PORTION).map(entry => `${JSON.stringify(entry)}\n`)
    yield lines.join('')
  }
}

/** The listing in a file; undefined when there is none that can be read, which its layer can replace. */
export async function readListing(path: string): Promise<Listing | undefined> {
  try {
    let head: Head | undefined
    const entries: Entry[] = []
    await pipeline(createReadStream(path), createGunzip({ chunkSize }), async plain => {
      const decoder = new StringDecoder()
      let last = ''
      for await (const chunk of plain) {
        const lines = (last + decoder.write(chunk as Buffer)).split('\n')
        last = lines.pop() ?? ''
        for (const line of lines) {
          if (head) entries.push(JSON.parse(line))
          else head = JSON.parse(line)
        }
      }
    })
    return head?.listing === 1 && head.entries === entries.length ? entries : undefined
  } catch {
    return undefined
  }
}
