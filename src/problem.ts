/** What a {@link Problem} carries beside its message. */
export type ProblemInit = {
  /** Stable machine-readable code, `snake_case`; part of the public contract. */
  code: string
  /** HTTP status the control API answers with. */
  status: number
  /** One clear sentence: what was wrong, where, what is accepted. Never holds a secret. */
  detail: string
  /** Extra members of the problem document, e.g. `entry`, `log`. */
  data?: Record<string, unknown>
  /** Seconds for a `Retry-After` header. */
  retryAfter?: number
  cause?: unknown
}

/**
 * An error meant for the caller of Dormice: it has a stable code and an HTTP status, and is mapped to
 * `application/problem+json` (RFC 9457) in one place, `api/problems.ts`.
 */
export class Problem extends Error {
  readonly code: string
  readonly status: number
  readonly data: Record<string, unknown>
  readonly retryAfter: number | undefined

  constructor({ code, status, detail, data = {}, retryAfter, cause }: ProblemInit) {
    super(detail, cause === undefined ? undefined : { cause })
    this.name = 'Problem'
    this.code = code
    this.status = status
    this.data = data
    this.retryAfter = retryAfter
  }
}

/** The text of anything thrown, for a log line or a report. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
