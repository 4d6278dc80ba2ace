import type { ServerResponse } from 'node:http'
import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { isTakingRest } from './body.ts'

/** What Node's parser says of it. */
type Unreadable = NodeJS.ErrnoException & {
  /** What had come in last, and how far it could be read. */
  rawPacket?: Buffer
  bytesParsed?: number
}

/** Connections on which something came that cannot be read. Whatever follows it there is not read either. */
const unreadable = new WeakSet<Duplex>()

/**
 * Answers what Node's parser cannot read, and ends its connection. Node's own way is to do so at once, and
 * the refusal of one request would arrive as the answer to the one before it, or cut that off: requests that
 * came whole are answered first (RFC 9112, 9.3.2).
 * @param unanswered the requests of the connection that are not over; one of them may be what cannot be read
 * @returns the status of what is refused; undefined when nobody is answered, or its sender has merely left
 */
export function answerUnreadable(
  error: Unreadable,
  socket: Duplex,
  unanswered: readonly ServerResponse[],
): number | undefined {
  if (!socket.writable) {
    socket.destroy(error)
    return undefined
  }
  // What follows a request that ends its connection is nobody's business (RFC 9112, 9.6).
  if (error.code === 'HPE_CLOSED_CONNECTION' || unreadable.has(socket)) return undefined
  unreadable.add(socket)
  const status = statusOf(error)
  const refuse = () => {
    const hasBegun = unanswered.some(res => !res.req.complete && res.headersSent)
    // The rest of a request that has its answer would get a second one.
    if (socket.writable && !hasBegun && !isTakingRest(socket)) socket.write(refusal(status))
    socket.destroy()
  }
  afterAll(
    unanswered.filter(res => res.req.complete),
    refuse,
  )
  return error.code === 'HPE_INVALID_EOF_STATE' ? undefined : status
}

/** Calls back once all of these are over: at once when there are none. */
export function afterAll(answers: readonly ServerResponse[], over: () => void): void {
  let left = answers.length
  if (left === 0) over()
  for (const res of answers) {
    res.once('close', () => {
      if (--left === 0) over()
    })
  }
}

function statusOf(error: Unreadable): number {
  return isTargetTooLong(error) ? 414 : (STATUSES[error.code ?? ''] ?? 400)
}

function refusal(status: number): string {
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n\r\n`
}

const STATUSES: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  HPE_HEADER_OVERFLOW: 431,
}

/**
 * Whether the request's target is already more than a whole head may be. The parser counts them together; of a
 * target that came in pieces, only the last of which is at hand, it stays the head that is too large.
 */
function isTargetTooLong({ code, rawPacket, bytesParsed = 0 }: Unreadable): boolean {
  if (code !== 'HPE_HEADER_OVERFLOW' || !rawPacket) return false
  const line = rawPacket.toString('latin1', rawPacket.lastIndexOf('\n', bytesParsed - 1) + 1, bytesParsed)
  return /^[A-Z-]+ \S+$/.test(line)
}
