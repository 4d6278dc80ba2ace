import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { LookupFunction } from 'node:net'
import type { Readable } from 'node:stream'
import type { Target } from './target.ts'
import { unreachable } from './unreachable.ts'

/** What a request carries: a text, or a stream whose sent bytes are counted. */
export type Body =
  | { text: string; type: string }
  | { source: Readable; type: string; onSent?: (bytes: number) => void }

export type Exchange = {
  method: string
  url: URL
  headers: Record<string, string>
  body: Body | undefined
  signal: AbortSignal | undefined
  /** How long until the answer begins, ms. */
  patience: number | undefined
}

/** Longer means that nothing is there: a firewall drops what we send. */
const CONNECT_LIMIT_MS = 10_000

/**
 * Sends a request and gives the answer as soon as it begins, while the body may still be on its way.
 * @throws {Problem} `host_unreachable` with what to do; the error of the body's source; the signal's reason
 */
export function exchange(
  target: Target,
  { method, url, headers, body, signal, patience }: Exchange,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const secure = url.protocol === 'https:'
    // A host that answers in the middle of an upload and closes would have us lose the answer with the connection;
    // one that may keep the connection takes in the rest.
    const options: RequestOptions = {
      method,
      headers,
      agent: body && 'source' in body ? new (secure ? HttpsAgent : HttpAgent)({ keepAlive: true }) : false,
      ...(isLocal(url) && { lookup: loopback }),
    }
    const request = (secure ? httpsRequest : httpRequest)(url, options)
    const giveUp = (message: string) =>
      request.destroy(Object.assign(new Error(message), { code: 'ETIMEDOUT' }))
    const connecting = setTimeout(
      giveUp,
      CONNECT_LIMIT_MS,
      `no connection within ${CONNECT_LIMIT_MS / 1000} s`,
    )
    const waiting = patience && setTimeout(giveUp, patience, `no answer within ${patience / 1000} s`)
    const onAbort = () => request.destroy(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })

    let answer: IncomingMessage | undefined
    let sourceError: unknown
    const end = () => {
      clearTimeout(connecting)
      clearTimeout(waiting)
    }
    request.on('socket', socket => socket.once('connect', () => clearTimeout(connecting)))
    request.on('close', () => signal?.removeEventListener('abort', onAbort))
    request.on('response', response => {
      end()
      answer = response
      // What cuts it off later is thrown to whoever reads the answer.
      response.on('error', () => {})
      // Answered to the end before all was sent: a rest that nobody takes would keep us here for seconds.
      response.on('close', () => request.writableFinished || request.destroy())
      resolve(response)
    })
    request.on('error', error => {
      end()
      if (signal?.aborted) reject(signal.reason)
      else reject(sourceError ?? unreachable(target, error))
    })
    if (!body) {
      request.end()
      return
    }
    request.setHeader('content-type', body.type)
    if ('text' in body) request.end(body.text)
    else {
      send(body.source, request, body.onSent).catch(error => {
        sourceError = error
        answer?.destroy(error)
        request.destroy()
      })
    }
  })
}

/**
 * Sends what the source gives, as fast as the host takes it. Throws what the source throws; a connection that
 * fails, or that the host closes because it has answered already, is the request's to tell.
 */
async function send(
  source: Readable,
  request: ClientRequest,
  onSent?: (bytes: number) => void,
): Promise<void> {
  let sent = 0
  for await (const chunk of source) {
    if (request.destroyed) return
    const taken = request.write(chunk)
    sent += chunk.length
    onSent?.(sent)
    if (!taken && !request.destroyed) await drained(request)
  }
  request.end()
}

/** Resolves when the request takes more, or is over. */
function drained(request: ClientRequest): Promise<void> {
  return new Promise(resolve => {
    const done = () => {
      request.off('drain', done).off('close', done)
      resolve()
    }
    request.on('drain', done).on('close', done)
  })
}

function isLocal({ hostname }: URL): boolean {
  return /(^|\.)localhost\.?$/i.test(hostname)
}

/** RFC 6761: names under `localhost` are this machine, whatever the system's resolver knows. */
const loopback: LookupFunction = (_, { all }, found) => {
  if (all) found(null, LOOPBACK)
  else found(null, '127.0.0.1', 4)
}
const LOOPBACK = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
]
