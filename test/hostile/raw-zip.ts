import { crc32, deflateRawSync } from 'node:zlib'

/** Writes zips that no proper writer would: central directory and local headers say what they are told to. */

/** One entry; what is not given is right. */
export type RawZipEntry = {
  name: string | Buffer
  data?: string | Buffer
  /** 0 stored, 8 deflated. */
  method?: number
  flags?: number
  /** Unix mode with type bits, kept in the external attributes. */
  mode?: number
  /** What the central directory says instead. */
  central?: Partial<ZipFields>
  /** What the local header says instead. */
  local?: Partial<ZipFields>
  /** Extra field of the central directory. */
  extra?: Buffer
  /** Use the local header and data of the entry with this index instead of having some of its own. */
  sameBytesAs?: number
}

type ZipFields = {
  name: string | Buffer
  method: number
  flags: number
  crc: number
  compressedSize: number
  uncompressedSize: number
}

/** What the end of the central directory says instead of the truth. */
export type RawZipEnd = { entries?: number; zip64Entries?: bigint; comment?: string; commentLength?: number }

export function zipOf(entries: readonly RawZipEntry[], end: RawZipEnd = {}): Buffer {
  const parts: Buffer[] = []
  const offsets: number[] = []
  let offset = 0
  const put = (part: Buffer) => {
    parts.push(part)
    offset += part.length
  }
  for (const entry of entries) {
    if (entry.sameBytesAs !== undefined) {
      offsets.push(offsets[entry.sameBytesAs] ?? 0)
      continue
    }
    offsets.push(offset)
    const { fields, packed } = pack(entry)
    put(localHeader({ ...fields, ...entry.local }))
    put(packed)
  }
  const start = offset
  for (const [index, entry] of entries.entries()) {
    put(centralHeader({ ...pack(entry).fields, ...entry.central }, entry, offsets[index] ?? 0))
  }
  const size = offset - start
  if (end.zip64Entries !== undefined) put(zip64End(end.zip64Entries, { start, size, at: offset }))
  put(endRecord(end.entries ?? entries.length, { start, size }, end))
  return Buffer.concat(parts)
}

/** A zip64 extra field with the sizes that stand as 0xffffffff in the header. */
export function zip64Sizes(uncompressed: bigint, compressed: bigint): Buffer {
  const field = Buffer.alloc(20)
  field.writeUInt16LE(0x0001, 0)
  field.writeUInt16LE(16, 2)
  field.writeBigUInt64LE(uncompressed, 4)
  field.writeBigUInt64LE(compressed, 12)
  return field
}

function pack({ name, data = '', method = 0, flags = 0x800 }: RawZipEntry): {
  fields: ZipFields
  packed: Buffer
} {
  const bytes = Buffer.from(data)
  const packed = method === 8 ? deflateRawSync(bytes) : bytes
  const fields = {
    name,
    method,
    flags,
    crc: crc32(bytes),
    compressedSize: packed.length,
    uncompressedSize: bytes.length,
  }
  return { fields, packed }
}

function localHeader(fields: ZipFields): Buffer {
  const name = Buffer.from(fields.name)
  const header = Buffer.alloc(30)
  header.writeUInt32LE(0x04034b50, 0)
  header.writeUInt16LE(20, 4)
  common(fields).copy(header, 6)
  header.writeUInt16LE(name.length, 26)
  return Buffer.concat([header, name])
}

function centralHeader(fields: ZipFields, { mode = 0o100644, extra }: RawZipEntry, offset: number): Buffer {
  const name = Buffer.from(fields.name)
  const header = Buffer.alloc(46)
  header.writeUInt32LE(0x02014b50, 0)
  header.writeUInt16LE((3 << 8) | 30, 4)
  header.writeUInt16LE(20, 6)
  common(fields).copy(header, 8)
  header.writeUInt16LE(name.length, 28)
  header.writeUInt16LE(extra?.length ?? 0, 30)
  header.writeUInt32LE((mode << 16) >>> 0, 38)
  header.writeUInt32LE(offset, 42)
  return Buffer.concat([header, name, extra ?? Buffer.alloc(0)])
}

/** The 20 bytes that both headers have: flags to sizes. */
function common({ flags, method, crc, compressedSize, uncompressedSize }: ZipFields): Buffer {
  const bytes = Buffer.alloc(20)
  bytes.writeUInt16LE(flags, 0)
  bytes.writeUInt16LE(method, 2)
  bytes.writeUInt16LE(0x6000, 4)
  bytes.writeUInt16LE(0x5821, 6)
  bytes.writeUInt32LE(crc, 8)
  bytes.writeUInt32LE(compressedSize, 12)
  bytes.writeUInt32LE(uncompressedSize, 16)
  return bytes
}

function zip64End(entries: bigint, { start, size, at }: { start: number; size: number; at: number }): Buffer {
  const record = Buffer.alloc(56 + 20)
  record.writeUInt32LE(0x06064b50, 0)
  record.writeBigUInt64LE(44n, 4)
  record.writeBigUInt64LE(entries, 24)
  record.writeBigUInt64LE(entries, 32)
  record.writeBigUInt64LE(BigInt(size), 40)
  record.writeBigUInt64LE(BigInt(start), 48)
  record.writeUInt32LE(0x07064b50, 56)
  record.writeBigUInt64LE(BigInt(at), 64)
  record.writeUInt32LE(1, 72)
  return record
}

function endRecord(
  entries: number,
  { start, size }: { start: number; size: number },
  end: RawZipEnd,
): Buffer {
  const comment = Buffer.from(end.comment ?? '')
  const record = Buffer.alloc(22)
  record.writeUInt32LE(0x06054b50, 0)
  record.writeUInt16LE(entries, 8)
  record.writeUInt16LE(entries, 10)
  record.writeUInt32LE(size, 12)
  record.writeUInt32LE(start, 16)
  record.writeUInt16LE(end.commentLength ?? comment.length, 20)
  return Buffer.concat([record, comment])
}
