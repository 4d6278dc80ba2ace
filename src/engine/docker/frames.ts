import type { LogLine } from '../engine.ts'

const headerBytes = 8
/** A longer line is cut: a container can print without ever ending a line. */
const maxLineBytes = 64 * 1024
const newline = 0x0a

/** A line of which the end is still to come. */
type Begun = { at: number; pieces: Buffer[]; bytes: number }

/**
 * Splits the engine's multiplexed log stream (8-byte header: stream, 0, 0, 0, big-endian length) with
 * timestamps on into lines. Pulling from it is what reads on, so backpressure reaches the engine.
 *
 * The engine itself cuts a line into pieces of 16 KiB, in the middle of a character too, and puts a timestamp
 * before each.
 */
export async function* readFrames(source: AsyncIterable<Buffer>): AsyncGenerator<LogLine> {
  let rest: Buffer = Buffer.alloc(0)
  const begun: Partial<Record<LogLine['stream'], Begun>> = {}
  for await (const chunk of source) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    while (rest.length >= headerBytes) {
      const end = headerBytes + rest.readUInt32BE(4)
      if (rest.length < end) break
      const stream = rest[0] === 2 ? 'stderr' : 'stdout'
      const { at, piece } = stamped(rest.subarray(headerBytes, end))
      rest = rest.subarray(end)
      const line = begun[stream] ?? { at, pieces: [], bytes: 0 }
      line.pieces.push(piece)
      line.bytes += piece.length
      if (piece.at(-1) !== newline && line.bytes < maxLineBytes) {
        begun[stream] = line
        continue
      }
      delete begun[stream]
      yield toLine(stream, line)
    }
  }
  for (const stream of ['stdout', 'stderr'] as const) {
    const line = begun[stream]
    if (line) yield toLine(stream, line)
  }
}

function stamped(frame: Buffer): { at: number; piece: Buffer } {
  const space = frame.indexOf(' ')
  return { at: Date.parse(frame.toString('latin1', 0, space)), piece: frame.subarray(space + 1) }
}

function toLine(stream: LogLine['stream'], { at, pieces }: Begun): LogLine {
  return {
    at,
    stream,
    text: Buffer.concat(pieces)
      .toString('utf8')
      .replace(/\r?\n$/, ''),
  }
}
