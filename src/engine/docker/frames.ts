import type { LogLine } from '../engine.ts'

const headerBytes = 8
/** A longer line is cut: a container can print without ever ending a line. */
const maxLineBytes = 64 * 1024

/**
 * Splits the engine's multiplexed log stream (8-byte header: stream, 0, 0, 0, big-endian length) with
 * timestamps on into lines. Pulling from it is what reads on, so backpressure reaches the engine.
 */
export async function* readFrames(source: AsyncIterable<Buffer>): AsyncGenerator<LogLine> {
  let rest: Buffer = Buffer.alloc(0)
  const partial = { stdout: '', stderr: '' }
  for await (const chunk of source) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    while (rest.length >= headerBytes) {
      const end = headerBytes + rest.readUInt32BE(4)
      if (rest.length < end) break
      const stream = rest[0] === 2 ? 'stderr' : 'stdout'
      const text = partial[stream] + rest.toString('utf8', headerBytes, end)
      rest = rest.subarray(end)
      if (!text.endsWith('\n') && text.length < maxLineBytes) {
        partial[stream] = text
        continue
      }
      partial[stream] = ''
      yield toLine(stream, text)
    }
  }
  for (const stream of ['stdout', 'stderr'] as const) {
    if (partial[stream] !== '') yield toLine(stream, partial[stream])
  }
}

function toLine(stream: LogLine['stream'], text: string): LogLine {
  const space = text.indexOf(' ')
  const at = Date.parse(text.slice(0, space))
  return { at, stream, text: text.slice(space + 1).replace(/\r?\n$/, '') }
}
