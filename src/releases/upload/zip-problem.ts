import { Problem } from '../../problem.ts'
import { refusal } from './refusals.ts'

/**
 * What reading a zip failed with, as a refusal. yauzl has no error codes, only messages (pinned by tests); what it
 * knows of damage is all "corrupt" to us. What our own disk fails with stays as it is.
 */
export function zipProblem(cause: unknown): unknown {
  if (cause instanceof Problem || !(cause instanceof Error) || 'syscall' in cause) return cause
  const { message } = cause
  if (message.startsWith('compressed/uncompressed size mismatch')) return refusal('zip_mismatch', { cause })
  if (message === 'strong encryption is not supported') return refusal('zip_encrypted', { cause })
  if (/^End of central directory record signature not found/.test(message) || isCutComment(message)) {
    return refusal('archive_truncated', { cause })
  }
  return refusal('archive_corrupt', { more: `(${message.replace(/\.$/, '')}.)`, cause })
}

function isCutComment(message: string): boolean {
  const [, room, stated] = /^Invalid comment length\. Expected: (\d+)\. Found: (\d+)/.exec(message) ?? []
  return room !== undefined && Number(stated) > Number(room)
}
