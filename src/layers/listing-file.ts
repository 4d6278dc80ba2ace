import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import type { Entry, Listing } from './listing.ts'

/** First line of a listing's file: what follows is whole and as this version writes it. */
type Head = { listing: 1; entries: number }

/** A listing as gzip'ed JSON lines. */
export function encodeListing(listing: Listing): Promise<Buffer> {
  const head: Head = { listing: 1, entries: listing.length }
  const lines = [head, ...listing].map(line => `${JSON.stringify(line)}\n`)
  return promisify(gzip)(lines.join(''), { level: 1 })
}

/** The listing in a file; undefined when there is none that can be read, which its layer can replace. */
export async function readListing(path: string): Promise<Listing | undefined> {
  try {
    const text = (await promisify(gunzip)(await readFile(path))).toString('utf8')
    const [head, ...entries] = text
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line))
    const { listing, entries: count } = head as Head
    return listing === 1 && count === entries.length ? (entries as Entry[]) : undefined
  } catch {
    return undefined
  }
}

/** Roughly the bytes of memory that a listing takes. */
export function weightOf(listing: Listing): number {
  return listing.reduce((sum, { path, linkname }) => sum + 320 + path.length + linkname.length, 320)
}
