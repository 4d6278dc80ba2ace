import { randomBytes } from 'node:crypto'

const PROCESS = randomBytes(6).toString('hex')
let count = 0

/** The visitor's request id where it is a sane one (at most 128 of `A-Za-z0-9._-`), else a new one. */
export function requestId(given: string | string[] | undefined): string {
  if (typeof given === 'string' && /^[\w.-]{1,128}$/.test(given)) return given
  return `${PROCESS}-${(count++).toString(36)}`
}
