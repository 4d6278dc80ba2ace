import { Problem } from '../problem.ts'

/**
 * An error between edge and instance as a problem for the visitor.
 *
 * @param sent the request went out, at least in part: the app may have done what it asks for, whatever the error
 */
export function upstreamProblem(error: Error, sent = false): Problem {
  if (error instanceof Problem) return error
  const code = 'code' in error ? String(error.code) : ''
  if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED') {
    return new Problem({
      code: 'bad_request',
      status: 400,
      detail: 'The request cannot be forwarded.',
      cause: error,
    })
  }
  if (!sent && isUnreachable(error)) {
    return new Problem({
      code: 'app_unreachable',
      status: 502,
      detail: 'The app does not accept connections.',
      retryAfter: 1,
      cause: error,
    })
  }
  return new Problem({
    code: 'app_broken_answer',
    status: 502,
    detail: 'The app broke off without a valid answer.',
    cause: error,
  })
}

/**
 * Nobody accepted a connection, or the system gave one up that was accepted: the instance may be gone without having
 * said so.
 */
export function isUnreachable(error: Error): boolean {
  return 'code' in error && CONNECTING.has(String(error.code))
}

/**
 * Whether an answer's Transfer-Encoding, if any, is the one that Node undoes. Others are left on the body
 * while the header that names them ends here: the visitor could not read it.
 */
export function isCodingKnown(coding: string | string[] | undefined): boolean {
  return coding === undefined || coding === 'chunked' || String(coding).toLowerCase() === 'chunked'
}

/** The app's answer is in a coding that nobody asked for. */
export function unknownCoding(): Error {
  return new Error('the answer is in a transfer coding other than chunked')
}

/** The app took longer than the limit to begin its answer. */
export function answerTimeout(): Problem {
  return new Problem({
    code: 'app_timeout',
    status: 504,
    detail: 'The app did not begin its answer in time.',
  })
}

/** The visitor stopped in the middle of a request's body. */
export function bodyTimeout(): Problem {
  return new Problem({
    code: 'body_timeout',
    status: 408,
    detail: 'The rest of the request did not come in time.',
  })
}

/** Whether a problem is that the app did not answer as it should. */
export function isAppsFault({ code }: Problem): boolean {
  return code === 'app_unreachable' || code === 'app_broken_answer' || code === 'app_timeout'
}

/** The instance must go although it is busy. */
export function appStopping(): Problem {
  return new Problem({
    code: 'app_stopping',
    status: 503,
    detail: 'The instance is being stopped.',
    retryAfter: 1,
  })
}

const CONNECTING = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'ECONNREFUSED',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'ETIMEDOUT',
  'ENOTFOUND',
])

/** Methods that change nothing (RFC 9110, 9.2.1), so that requests with them may overtake each other. */
export function isSafe(method: string | undefined): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS' || method === 'TRACE'
}

/** Methods that may be sent twice (RFC 9110, 9.2.2). */
export function isIdempotent(method: string | undefined): boolean {
  return method !== undefined && IDEMPOTENT.has(method)
}

const IDEMPOTENT = new Set([
  'GET',
  'HEAD',
  'OPTIONS',
  'PUT',
  'DELETE',
  'TRACE',
  'PROPFIND',
  'QUERY',
  'REPORT',
  'SEARCH',
])
