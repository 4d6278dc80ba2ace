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

/** Of one request; nothing holds them back where the visitor reads none of them, so the rest are left out. */
const MOST = 100
const passedOn = new WeakMap<ServerResponse, number>()

/** Passes on an informational answer (1xx), e.g. 103 Early Hints, to a visitor who can take it. */
export function relayInformation(
  req: IncomingMessage,
  res: ServerResponse,
  status: number,
  raw: readonly (Buffer | string)[],
): void {
  if (req.httpVersionMinor === 0 || res.headersSent || res.destroyed) return
  const count = passedOn.get(res) ?? 0
  if (count >= MOST) return
  passedOn.set(res, count + 1)
  res.writeInformation(status, responseHeaders(raw, PLAIN))
}
