import type { Answer } from '../pages.ts'

/* What a visitor is told whom an app's access rules keep out. */

export const ADDRESS_DENIED: Answer = {
  status: 403,
  code: 'address_denied',
  text: 'This app takes no requests from your address.',
}

export const LOGINS_BUSY: Answer = {
  status: 503,
  code: 'logins_busy',
  text: 'Too many passwords are being checked here at the moment. Try again in a moment.',
  retryAfter: 1,
}

export const QUEUE_FULL: Answer = {
  status: 503,
  code: 'app_busy',
  text: 'This app is busy and too many requests already wait for their turn. Try again in a moment.',
  retryAfter: 1,
}

export const TURN_TIMEOUT: Answer = {
  status: 503,
  code: 'turn_timeout',
  text: 'This app was busy for too long to take this request. Try again in a moment.',
  retryAfter: 5,
}

/** @param app its name, which is the realm: a browser sends what it was told for one app to that one alone */
export function credentialsRequired(app: string): Answer {
  return {
    status: 401,
    code: 'credentials_required',
    text: 'This app asks for a user name and a password.',
    challenge: `Basic realm="${app}", charset="UTF-8"`,
  }
}

/** @param wait ms until the next one is checked */
export function tooManyAttempts(wait: number): Answer {
  return {
    status: 429,
    code: 'too_many_attempts',
    text: 'Too many wrong passwords came from your address. Try again later.',
    retryAfter: wait / 1000,
  }
}

/** @param wait ms until the next request is taken */
export function rateLimited(wait: number): Answer {
  return {
    status: 429,
    code: 'rate_limited',
    text: 'Too many requests came from your address. Try again in a moment.',
    retryAfter: wait / 1000,
  }
}

/** @param max bytes */
export function bodyTooLarge(max: number): Answer {
  return {
    status: 413,
    code: 'body_too_large',
    text: `The body of this request is larger than this app accepts, which is ${max} bytes.`,
  }
}
