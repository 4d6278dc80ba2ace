import { type Entry, tarName } from './listing.ts'
import { BLOCK, paddingOf } from './tar-reader.ts'
import { bytesOf } from './text.ts'

const FLAGS = {
  file: '0',
  link: '1',
  symlink: '2',
  character: '3',
  block: '4',
  directory: '5',
  fifo: '6',
  whiteout: '0',
  opaque: '0',
} as const

/** What ends a tar. */
export const TAR_END = Buffer.alloc(2 * BLOCK)

/** Zeros that fill up a body's last block. */
export function padding(size: number): Buffer {
  return TAR_END.subarray(0, paddingOf(size))
}

/**
 * An entry's header in POSIX ustar; what that has no room for (long or non-ASCII names, great numbers, extended
 * attributes) goes into a pax header before it.
 */
export function headerBytes(entry: Entry): Buffer {
  const name = bytesOf(tarName(entry))
  const linkname = bytesOf(entry.linkname)
  const records: Buffer[] = []
  if (!fits(name)) records.push(record('path', name))
  if (!fits(linkname)) records.push(record('linkpath', linkname))
  for (const key of ['uid', 'gid'] as const) {
    if (!fitsOctal(entry[key], 7)) records.push(record(key, Buffer.from(`${entry[key]}`)))
  }
  for (const key of ['size', 'mtime'] as const) {
    if (!fitsOctal(entry[key], 11)) records.push(record(key, Buffer.from(`${entry[key]}`)))
  }
  for (const [key, value] of Object.entries(entry.xattrs ?? {})) {
    records.push(record(`SCHILY.xattr.${key}`, Buffer.from(value, 'latin1')))
  }
  const header = block(name, FLAGS[entry.type], linkname, entry)
  if (records.length === 0) return header
  const pax = Buffer.concat(records)
  const paxEntry = { mode: 0o644, uid: 0, gid: 0, mtime: 0, size: pax.length }
  const paxHeader = block(Buffer.from('PaxHeaders.0'), 'x', Buffer.alloc(0), paxEntry)
  return Buffer.concat([paxHeader, pax, padding(pax.length), header])
}

type Numbers = Pick<Entry, 'mode' | 'uid' | 'gid' | 'mtime' | 'size' | 'device'>

function block(name: Buffer, flag: string, linkname: Buffer, numbers: Numbers): Buffer {
  const header = Buffer.alloc(BLOCK)
  name.copy(header, 0, 0, 100)
  octal(header, numbers.mode & 0o7777, 100, 7)
  octal(header, numbers.uid, 108, 7)
  octal(header, numbers.gid, 116, 7)
  octal(header, numbers.size, 124, 11)
  octal(header, numbers.mtime, 136, 11)
  header.write(flag, 156, 'latin1')
  linkname.copy(header, 157, 0, 100)
  header.write('ustar\x0000', 257, 'latin1')
  octal(header, numbers.device?.major ?? 0, 329, 7)
  octal(header, numbers.device?.minor ?? 0, 337, 7)
  header.fill(' ', 148, 156)
  let sum = 0
  for (const byte of header) sum += byte
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return header
}

/** A number that does not fit is in the pax header, and 0 here. */
function octal(header: Buffer, value: number, offset: number, digits: number): void {
  const written = fitsOctal(value, digits) ? value : 0
  header.write(written.toString(8).padStart(digits, '0'), offset, 'latin1')
}

function fitsOctal(value: number, digits: number): boolean {
  return value >= 0 && value < 8 ** digits
}

function fits(name: Buffer): boolean {
  return name.length <= 100 && name.every(byte => byte > 0 && byte < 0x80)
}

/** `LENGTH KEY=VALUE\n`, where LENGTH counts its own digits too. */
function record(key: string, value: Buffer): Buffer {
  const keyBytes = bytesOf(` ${key}=`)
  const rest = keyBytes.length + value.length + 1
  let length = rest
  while (length !== rest + `${length}`.length) length = rest + `${length}`.length
  return Buffer.concat([Buffer.from(`${length}`), keyBytes, value, Buffer.from('\n')])
}
