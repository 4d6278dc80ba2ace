import { STATUS_CODES } from 'node:http'
import type { ErrorHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { engineUnavailable } from '../apps/problems.ts'
import { EngineUnavailable } from '../engine/engine.ts'
import type { Log } from '../log.ts'
import { messageOf, Problem } from '../problem.ts'
import { diskFull } from './disk-full.ts'
import type { ProblemShape } from './shapes.ts'

/** The problem document (RFC 9457) of any error; what is not meant for the caller is logged, not told. */
export function toProblem(error: unknown, log: Log): Problem {
  if (error instanceof Problem) return error
  if (error instanceof HTTPException) {
    const detail =
      error.status === 415 ? 'accepted: JSON, sent with "Content-Type: application/json"' : error.message
    return new Problem({ code: 'bad_request', status: error.status, detail })
  }
  if (error instanceof EngineUnavailable) return engineUnavailable(error)
  const full = diskFull(error)
  if (full) {
    log.error(full.code, { error: messageOf(error) })
    return full
  }
  log.error('unexpected_error', {
    error: messageOf(error),
    stack: error instanceof Error ? error.stack : undefined,
  })
  return new Problem({
    code: 'internal',
    status: 500,
    detail: 'something went wrong in Dormice; the host’s log says what',
  })
}

/** A problem as the API writes it. */
export function toDocument(problem: Problem): ProblemShape {
  return {
    type: `urn:dormice:problem:${problem.code}`,
    title: STATUS_CODES[problem.status] ?? 'Error',
    status: problem.status,
    detail: problem.message,
    code: problem.code,
    ...problem.data,
  }
}

/** Maps errors to `application/problem+json`, in this one place. */
export function problemHandler(log: Log): ErrorHandler {
  return error => {
    const problem = toProblem(error, log)
    const headers = new Headers({ 'content-type': 'application/problem+json' })
    // RFC 9110, 15.5.2: this status always says what is asked for.
    if (problem.status === 401) headers.set('www-authenticate', 'Bearer')
    if (problem.retryAfter !== undefined) headers.set('retry-after', String(problem.retryAfter))
    return new Response(JSON.stringify(toDocument(problem)), { status: problem.status, headers })
  }
}
