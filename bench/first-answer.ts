import { type ClientRequest, request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'

export type Target = { host: string; port: number; hostHeader?: string; body?: string }

export type FirstAnswer = {
  /** `performance.now()` when the answer's first bytes had come in. */
  at: number
  status: number
  /** The Server-Timing header, if there was one. */
  timing: string
  /** Which answer of Dormice's own it is (X-Dormice-Error), if it is one. */
  code: string
}

/** Between two tries of a server that is not up yet, ms. */
const step = 1
/** How long a server may take until it answers, ms. */
const startLimit = 30_000
/** One try may take this long, ms. */
const patience = 60_000

/**
 * A GET, or a POST of the body there is, over a connection of its own; resolves when its answer has been read to its
 * end.
 */
export function firstAnswer({ host, port, hostHeader, body }: Target): Promise<FirstAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<FirstAnswer>()
  const headers = hostHeader === undefined ? {} : { host: hostHeader }
  const method = body === undefined ? 'GET' : 'POST'
  const options = { host, port, method, path: '/', agent: false, headers, timeout: patience } as const
  const sent: ClientRequest = request(options)
  sent.once('response', answer => {
    const at = performance.now()
    const timing = String(answer.headers['server-timing'] ?? '')
    const code = String(answer.headers['x-dormice-error'] ?? '')
    answer.once('error', reject)
    answer.once('end', () => resolve({ at, status: answer.statusCode ?? 0, timing, code }))
    answer.resume()
  })
  sent.once('timeout', () =>
    sent.destroy(new Error(`no answer from ${host}:${port} in ${patience / 1000} s`)),
  )
  sent.once('error', reject)
  sent.end(body)
  return promise
}

/**
 * Asks a server that is starting until it answers, a millisecond between two tries.
 * @throws when it has not answered after 30 s, or when the signal aborts
 */
export async function untilAnswered(target: Target, signal?: AbortSignal): Promise<FirstAnswer> {
  const deadline = performance.now() + startLimit
  for (;;) {
    try {
      return await firstAnswer(target)
    } catch (error) {
      if (performance.now() > deadline) throw error
      await pause(step, undefined, { signal })
    }
  }
}
