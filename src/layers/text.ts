import { isUtf8 } from 'node:buffer'

/** Bytes 0x80–0xFF of a name that is no UTF-8 stand as U+DC80–U+DCFF, which no valid UTF-8 decodes to. */
const ESCAPE = 0xdc00

/**
 * A file name's bytes as text, so that every name has exactly one text and {@link bytesOf} gives its bytes back:
 * UTF-8 where it is; in a part between slashes that is not, each byte from 0x80 as a lone surrogate (as in PEP 383).
 * File systems allow any bytes; losing them would lose the file.
 */
export function textOf(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8')
  return bytes.toString('latin1').split('/').map(partText).join('/')
}

function partText(latin1: string): string {
  const bytes = Buffer.from(latin1, 'latin1')
  if (isUtf8(bytes)) return bytes.toString('utf8')
  return latin1.replace(/[\x80-\xff]/g, char => String.fromCharCode(ESCAPE + char.charCodeAt(0)))
}

/** The bytes that {@link textOf} made a text of. */
export function bytesOf(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text, 'utf8')
  return Buffer.concat(
    Array.from(text, char => {
      const code = char.charCodeAt(0)
      const escaped = char.length === 1 && code >= ESCAPE + 0x80 && code <= ESCAPE + 0xff
      return escaped ? Buffer.from([code - ESCAPE]) : Buffer.from(char, 'utf8')
    }),
  )
}
