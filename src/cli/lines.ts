import type { Readable } from 'node:stream'

/** A line longer than this is no line of ours, characters. */
const MAX_LINE = 4 * 1024 * 1024

/** The lines of a stream of UTF-8 text, empty ones left out. Only `\n` ends a line: JSON may hold any other end. */
export async function* readLines(stream: Readable): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of stream.setEncoding('utf8')) {
    const parts = (rest + chunk).split('\n')
    rest = parts.pop() ?? ''
    if (rest.length > MAX_LINE) throw new Error('the host sent a line without an end')
    for (const line of parts) if (line.trim() !== '') yield line
  }
  if (rest.trim() !== '') yield rest
}
