import { refusal } from './refusals.ts'

/** What an upload is; a single source file has the name it gets in the app's folder. */
export type UploadFormat = { format: 'tar' | 'tar.gz' | 'zip' } | { format: 'file'; name: string }

/** What the sender said about an upload; both only count where the bytes say nothing. */
export type UploadHints = {
  /** `?filename=` or the one of `Content-Disposition`; folders in it are left out. */
  filename?: string | undefined
  /** The `Content-Type` header. */
  contentType?: string | undefined
}

/** Bytes at the start of an upload that {@link detectFormat} wants to see, if there are so many. */
export const HEAD_BYTES = 512

export const ACCEPTED_FORMATS =
  'Accepted are a tar, a tar.gz or a zip of the folder, or one .js, .mjs, .ts or .py file ' +
  '(say which by "?filename=" or its content type).'

/** File name of a single source file that came without one. JavaScript stays `.js`, where Node finds out itself
 * whether it is an ES module. */
const NAME_OF_TYPE: Readonly<Record<string, string>> = {
  'text/javascript': 'main.js',
  'application/javascript': 'main.js',
  'application/x-javascript': 'main.js',
  'text/typescript': 'main.ts',
  'application/typescript': 'main.ts',
  'application/x-typescript': 'main.ts',
  'text/x-typescript': 'main.ts',
  'text/x-python': 'main.py',
  'text/x-script.python': 'main.py',
  'text/python': 'main.py',
  'application/x-python': 'main.py',
  'application/x-python-code': 'main.py',
}

const SOURCE_FILE = /\.(js|mjs|ts|py)$/i
const ARCHIVE_FILE = /\.(tar|tar\.gz|tgz|zip)$/i
const ARCHIVE_TYPES = new Set([
  'application/x-tar',
  'application/tar',
  'application/gzip',
  'application/x-gzip',
  'application/x-gtar',
  'application/tar+gzip',
  'application/zip',
  'application/x-zip-compressed',
])

/** Formats that people send and that are not accepted, by their first bytes. */
const OTHER_FORMATS: readonly (readonly [magic: readonly number[], name: string])[] = [
  [[0x42, 0x5a, 0x68], 'bzip2'],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], 'xz'],
  [[0x28, 0xb5, 0x2f, 0xfd], 'zstd'],
  [[0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c], '7z'],
  [[0x52, 0x61, 0x72, 0x21], 'rar'],
]

/**
 * Recognises an upload by its first bytes, and a single source file by what the sender said of it.
 * @param head the first {@link HEAD_BYTES} bytes, or all there are
 * @throws {Problem} `unknown_format` (415), or `archive_truncated` for too little of what was said to be an archive
 */
export function detectFormat(head: Buffer, { filename, contentType }: UploadHints = {}): UploadFormat {
  if (startsWith(head, [0x1f, 0x8b])) return { format: 'tar.gz' }
  if (isZip(head)) return { format: 'zip' }
  if (isTar(head)) return { format: 'tar' }
  const other = OTHER_FORMATS.find(([magic]) => startsWith(head, magic))
  if (other) throw refusal('unknown_format', { more: `It looks like ${other[1]}. ${ACCEPTED_FORMATS}` })
  const type = contentType?.split(';')[0]?.trim().toLowerCase() ?? ''
  const name = sourceName(filename, type)
  if (name !== undefined && !head.includes(0)) return { format: 'file', name }
  if (head.length < HEAD_BYTES && (ARCHIVE_TYPES.has(type) || ARCHIVE_FILE.test(filename ?? ''))) {
    throw refusal('archive_truncated')
  }
  throw refusal('unknown_format', { more: ACCEPTED_FORMATS })
}

/** Whether a gzip's contents begin as some other archive. */
export function isNestedArchive(head: Buffer): boolean {
  return (
    startsWith(head, [0x1f, 0x8b]) || isZip(head) || OTHER_FORMATS.some(([magic]) => startsWith(head, magic))
  )
}

/**
 * Whether a tar begins here: ustar, pax and GNU say so in their magic, older ones only by a header whose checksum
 * is right; an empty tar is all zeros.
 */
export function isTar(head: Buffer): boolean {
  if (head.length >= 262 && head.toString('latin1', 257, 262) === 'ustar') return true
  if (head.length < 512) return false
  const block = head.subarray(0, 512)
  if (block.every(byte => byte === 0)) return true
  const stated = Number.parseInt(block.toString('latin1', 148, 156).replaceAll('\0', ' ').trim(), 8)
  const sum = block.reduce((total, byte, index) => total + (index >= 148 && index < 156 ? 32 : byte), 0)
  return stated === sum
}

function isZip(head: Buffer): boolean {
  return startsWith(head, [0x50, 0x4b, 0x03, 0x04]) || startsWith(head, [0x50, 0x4b, 0x05, 0x06])
}

function startsWith(head: Buffer, magic: readonly number[]): boolean {
  return head.length >= magic.length && magic.every((byte, index) => head[index] === byte)
}

function sourceName(filename: string | undefined, type: string): string | undefined {
  const base = filename?.split(/[/\\]/).at(-1) ?? ''
  if (!SOURCE_FILE.test(base)) return NAME_OF_TYPE[type]
  const extension = base.slice(base.lastIndexOf('.')).toLowerCase()
  const stem = base
    .slice(0, -extension.length)
    .replace(/[^A-Za-z0-9._-]/g, '_')
    .replace(/^[.-]+/, '')
    .slice(0, 100)
  return `${stem || 'main'}${extension}`
}
