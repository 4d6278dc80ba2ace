/** What was read out of bytes: whole requests, and what is left after the last of them. */
export type Reading = { requests: ReadRequest[]; rest: string }
export type ReadRequest = { line: string; bytes: string }

/**
 * Reads requests as an app would that follows RFC 9112 to the letter. Where framing could be understood
 * otherwise (a length and chunks, two lengths), everything from there on is rest.
 */
export function readRequests(bytes: string): Reading {
  const requests: ReadRequest[] = []
  let rest = bytes
  for (;;) {
    const end = endOfRequest(rest)
    if (end === undefined) return { requests, rest }
    requests.push({ line: rest.slice(0, rest.indexOf('\r\n')), bytes: rest.slice(0, end) })
    rest = rest.slice(end)
  }
}

/** Where the first request ends; undefined when it is not whole. */
function endOfRequest(bytes: string): number | undefined {
  const body = bytes.indexOf('\r\n\r\n') + 4
  if (body === 3) return undefined
  const head = bytes.slice(0, body)
  const codings = head.match(/\r\ntransfer-encoding:.*(?=\r\n)/gi) ?? []
  const lengths = [...head.matchAll(/\r\ncontent-length: *(.*?) *(?=\r\n)/gi)].map(match => match[1] ?? '')
  if (codings.length + lengths.length > 1) return undefined
  if (codings.length === 1)
    return /: *chunked$/i.test(codings[0] ?? '') ? endOfChunks(bytes, body) : undefined
  const [length = '0'] = lengths
  if (!/^\d+$/.test(length)) return undefined
  const end = body + Number(length)
  return end <= bytes.length ? end : undefined
}

function endOfChunks(bytes: string, start: number): number | undefined {
  for (let at = start; ; ) {
    const size = /^([0-9a-f]+)\r\n/i.exec(bytes.slice(at, at + 20))
    if (!size) return undefined
    const data = at + size[0].length
    const length = Number.parseInt(size[1] ?? '', 16)
    if (length === 0) return endOfTrailers(bytes, data)
    if (bytes.slice(data + length, data + length + 2) !== '\r\n') return undefined
    at = data + length + 2
  }
}

function endOfTrailers(bytes: string, start: number): number | undefined {
  if (bytes.startsWith('\r\n', start)) return start + 2
  const end = bytes.indexOf('\r\n\r\n', start)
  return end === -1 ? undefined : end + 4
}
