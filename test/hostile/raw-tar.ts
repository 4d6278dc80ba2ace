/** Writes tars that no proper writer would: every field is taken as it is given. */

const BLOCK = 512

/** One header and its body; what is not given is what a proper tar of a small file would have. */
export type RawTarEntry = {
  /** Bytes of the name field; text is UTF-8. */
  name?: string | Buffer
  /** Type flag: '0' file, '1' hard link, '2' symbolic link, '5' folder… */
  flag?: string
  body?: string | Buffer
  /** The size field, if it is not the body's: a number of bytes, or the twelve bytes of the field. */
  size?: number | Buffer
  mode?: number
  mtime?: number
  linkname?: string | Buffer
  prefix?: string
  magic?: 'ustar' | 'gnu' | 'v7'
  /** Added to the right checksum. */
  checksumError?: number
}

/** Header, body and padding of one entry. */
export function tarEntry(entry: RawTarEntry): Buffer {
  const body = Buffer.from(entry.body ?? '')
  return Buffer.concat([header(entry, body.length), body, Buffer.alloc(-body.length & (BLOCK - 1))])
}

/** A whole tar: entries, or bytes as they are, and the two blocks that end it. */
export function tarOf(...parts: (RawTarEntry | Buffer)[]): Buffer {
  return Buffer.concat([...parts.map(part => (Buffer.isBuffer(part) ? part : tarEntry(part))), END_OF_TAR])
}

export const END_OF_TAR = Buffer.alloc(2 * BLOCK)

/** A pax header for the next entry (`x`) or for all that follow (`g`). */
export function pax(records: Record<string, string | Buffer>, flag: 'x' | 'g' = 'x'): Buffer {
  const body = Buffer.concat(Object.entries(records).map(([key, value]) => paxRecord(key, value)))
  return tarEntry({ name: flag === 'g' ? 'pax_global_header' : 'PaxHeaders/x', flag, body })
}

/** A GNU header with the long name (`L`) or link target (`K`) of the next entry. */
export function gnuLong(name: string, flag: 'L' | 'K' = 'L'): Buffer {
  return tarEntry({ name: '././@LongLink', flag, body: `${name}\0`, magic: 'gnu' })
}

/** A size field in GNU's base 256; negative numbers too. */
export function base256(value: bigint): Buffer {
  const field = Buffer.alloc(12)
  const bits = BigInt.asUintN(96, value)
  for (let index = 0; index < 12; index++) field[index] = Number((bits >> BigInt(8 * (11 - index))) & 0xffn)
  field[0] = value < 0n ? 0xff : 0x80
  return field
}

function header(entry: RawTarEntry, bodyBytes: number): Buffer {
  const { name = 'file.txt', flag = '0', size = bodyBytes, mode = 0o644, mtime = 1_700_000_000 } = entry
  const block = Buffer.alloc(BLOCK)
  Buffer.from(name).copy(block, 0, 0, 100)
  block.write(`${octal(mode, 7)}\0`, 100, 'latin1')
  block.write(`${octal(0, 7)}\0${octal(0, 7)}\0`, 108, 'latin1')
  if (Buffer.isBuffer(size)) size.copy(block, 124, 0, 12)
  else block.write(`${octal(size, 11)} `, 124, 'latin1')
  block.write(`${octal(mtime, 11)} `, 136, 'latin1')
  block.write(flag, 156, 'latin1')
  Buffer.from(entry.linkname ?? '').copy(block, 157, 0, 100)
  if (entry.magic !== 'v7') block.write(entry.magic === 'gnu' ? 'ustar  \0' : 'ustar\x0000', 257, 'latin1')
  if (entry.prefix) block.write(entry.prefix, 345, 'utf8')
  block.fill(' ', 148, 156)
  let sum = entry.checksumError ?? 0
  for (const byte of block) sum += byte
  block.write(`${octal(sum, 6)}\0 `, 148, 'latin1')
  return block
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0')
}

function paxRecord(key: string, value: string | Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')])
  let length = rest.length
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length
  return Buffer.concat([Buffer.from(String(length)), rest])
}
