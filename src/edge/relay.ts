import type { IncomingMessage, ServerResponse } from 'node:http'
import { STATUS_CODES } from 'node:http'
import type { RawHeaders } from './headers.ts'
import { responseHeaders } from './headers.ts'

/** Begins an answer with the head of an app's, its own reason phrase kept. */
export function writeHead(
  res: ServerResponse,
  status: number,
  reason: string | undefined,
  headers: RawHeaders,
): void {
  const known = STATUS_CODES[status]
  // Node would refuse a phrase that does not fit its encoding, and with it the whole answer.
  if (reason && reason !== known && /^[\t\x20-\x7e]*$/.test(reason)) res.writeHead(status, reason, headers)
  else res.writeHead(status, headers)
}

const PLAIN = { mayTrail: false, maySize: false, wake: undefined, close: false }

/** Informational answers to one request: far more than any app has a use for. */
const MOST = 1_000
const passedOn = new WeakMap<ServerResponse, number>()

/**
 * Whether one more informational answer (1xx) is passed on; counts it. Nothing holds an app back that sends them to a
 * visitor who reads none, so there is an end to them.
 */
export function mayInform(req: IncomingMessage, res: ServerResponse): boolean {
  if (req.httpVersionMinor === 0 || res.headersSent || res.destroyed) return false
  const count = passedOn.get(res) ?? 0
  if (count < MOST) passedOn.set(res, count + 1)
  return count < MOST
}

/** Passes on an informational answer, e.g. 103 Early Hints, to a visitor who can take it. */
export function relayInformation(
  req: IncomingMessage,
  res: ServerResponse,
  status: number,
  raw: readonly (Buffer | string)[],
): void {
  if (mayInform(req, res)) res.writeInformation(status, responseHeaders(raw, PLAIN))
}
