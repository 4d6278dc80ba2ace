/** Frames of HTTP/2 for tests that say what no client would (RFC 9113, 4.1 and 6). */

export const PREFACE: Buffer = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame(4, 0, 0),
])

export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Buffer = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** A request's head, as it is: each field spelled out, below 128 bytes a name and a value. */
export function headers(stream: number, fields: Record<string, string>, endStream: boolean): Buffer {
  const literals = Object.entries(fields).map(([name, value]) =>
    Buffer.concat([
      Buffer.of(0, name.length),
      Buffer.from(name, 'latin1'),
      Buffer.of(value.length),
      Buffer.from(value, 'latin1'),
    ]),
  )
  return frame(1, endStream ? 0x5 : 0x4, stream, Buffer.concat(literals))
}

export function data(stream: number, text: string, endStream = false): Buffer {
  return frame(0, endStream ? 1 : 0, stream, Buffer.from(text, 'latin1'))
}

export function reset(stream: number, code: number): Buffer {
  const payload = Buffer.alloc(4)
  payload.writeUInt32BE(code)
  return frame(3, 0, stream, payload)
}

/** What every request for the app says of itself. */
export const POST: Record<string, string> = {
  ':method': 'POST',
  ':scheme': 'https',
  ':authority': 'app.localhost',
  ':path': '/',
}
