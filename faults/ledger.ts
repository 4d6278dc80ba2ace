import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../src/paths.ts'

/** An app's own folder as `GET /` of `app/server.js` shows it: mode and bytes of each file, by path. */
export type Disk = Readonly<Record<string, string>>

/** A change that an app is told to make; it answers once the change is on its disk. */
export type Change =
  | { do: 'append'; text: string }
  | { do: 'page'; page: number; text: string }
  | { do: 'put'; name: string; text: string; mode: number }
  | { do: 'link'; name: string; to: string }
  | { do: 'symlink'; name: string; to: string }
  | { do: 'remove'; name: string }
  | { do: 'box'; texts: Readonly<Record<string, string>> }
  | { do: 'own'; text: string }

/** Bytes of a page of the book, and how many it has; as in `app/server.js`. */
const page = 64
const pages = 4

/** What a change makes of a disk. */
export function changed(disk: Disk, change: Change): Disk {
  switch (change.do) {
    case 'append':
      return { ...disk, 'data/log': `${disk['data/log'] ?? '644 '}${change.text}` }
    case 'page': {
      const book = bytesOf(disk['data/book'] ?? `644 ${'.'.repeat(page * pages)}`)
      const at = change.page * page
      const next = book.slice(0, at) + change.text.padEnd(page, '.') + book.slice(at + page)
      return { ...disk, 'data/book': `644 ${next}` }
    }
    case 'put':
      return { ...disk, [`data/files/${change.name}`]: `${change.mode.toString(8)} ${change.text}` }
    case 'link': {
      const to = disk[`data/files/${change.to}`]
      if (to === undefined) throw new Error(`there is no file ${change.to} to link to`)
      return { ...disk, [`data/files/${change.name}`]: to }
    }
    case 'symlink':
      return { ...disk, [`data/files/${change.name}`]: `-> ${change.to}` }
    case 'remove':
      return without(disk, path => path === `data/files/${change.name}`)
    case 'box': {
      const boxed = Object.entries(change.texts).map(([name, text]) => [`data/box/${name}`, `644 ${text}`])
      return { ...without(disk, path => path.startsWith('data/box/')), ...Object.fromEntries(boxed) }
    }
    case 'own':
      return { ...disk, 'page.txt': `644 ${change.text}` }
  }
}

/**
 * The uploads that are deployed, told apart by a number: one file that differs in each, one that is in no other, and
 * some that are the same in all.
 */
export function upload(version: number): Record<string, string> {
  return {
    'server.js': readFileSync(join(packageRoot, 'faults/app/server.js'), 'latin1'),
    'package.json': readFileSync(join(packageRoot, 'faults/app/package.json'), 'latin1'),
    'page.txt': `the page of upload ${version}`,
    'same.txt': 'the same in every upload',
    [`only-${version}.txt`]: `in upload ${version} alone`,
  }
}

/** The disk of an upload before its app wrote anything. */
export function uploaded(version: number): Disk {
  return Object.fromEntries(Object.entries(upload(version)).map(([path, text]) => [path, `644 ${text}`]))
}

/**
 * What going on with another upload makes of a disk: where the uploads differ the new one wins, what the app wrote
 * itself stays, and of the rest there is what the new upload has.
 */
export function carried(disk: Disk, from: number, to: number): Disk {
  const before = uploaded(from)
  const after = uploaded(to)
  const result: Record<string, string> = {}
  for (const path of new Set([...Object.keys(disk), ...Object.keys(before), ...Object.keys(after)])) {
    const wins = path in after && after[path] !== before[path]
    const touched = disk[path] !== before[path]
    const value = !wins && touched ? disk[path] : after[path]
    if (value !== undefined) result[path] = value
  }
  return result
}

/** A path and what is wrong with it, for each that two disks do not have in common. */
export function differences(expected: Disk, found: Disk): string[] {
  return [...new Set([...Object.keys(expected), ...Object.keys(found)])].sort().flatMap(path => {
    const [want, have] = [expected[path], found[path]]
    if (want === have) return []
    if (have === undefined) return [`${path} is missing (${excerpt(want)})`]
    if (want === undefined) return [`${path} should not be there (${excerpt(have)})`]
    return [`${path} is ${excerpt(have)}, not ${excerpt(want)}`]
  })
}

export function sameDisk(one: Disk, other: Disk): boolean {
  return differences(one, other).length === 0
}

function bytesOf(value: string): string {
  return value.slice(value.indexOf(' ') + 1)
}

function without(disk: Disk, gone: (path: string) => boolean): Disk {
  return Object.fromEntries(Object.entries(disk).filter(([path]) => !gone(path)))
}

function excerpt(value: string | undefined): string {
  return value === undefined
    ? 'nothing'
    : JSON.stringify(value.length > 60 ? `${value.slice(0, 28)}…${value.slice(-28)}` : value)
}
