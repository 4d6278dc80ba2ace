/** Facts that belong to a log event. Values are written as JSON; an Error as its message. */
export type LogFields = Readonly<Record<string, unknown>>

/** Where the host writes what happened: an event's stable `snake_case` name, and its fields. */
export type Log = {
  info(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
  error(event: string, fields?: LogFields): void
}

/**
 * Field names whose values never reach a log. The name decides, because a value cannot be told from an
 * ordinary one.
 */
const SECRET =
  /authorization|cookie|password|passwd|secret|token|credential|api[-_]?key|private[-_]?key|^env$/i

/**
 * A log of JSON lines `{"time","level","event",…fields}` on standard error.
 * @param write takes one finished line; tests pass their own
 * @param now epoch ms
 */
export function createLog(write: (line: string) => void = toStderr, now: () => number = Date.now): Log {
  const at =
    (level: string) =>
    (event: string, fields: LogFields = {}) => {
      const head = { time: new Date(now()).toISOString(), level, event }
      write(`${JSON.stringify({ ...fields, ...head }, safely())}\n`)
    }
  return { info: at('info'), warn: at('warn'), error: at('error') }
}

/** The same log without what is merely informative, for a person's terminal. */
export function quiet(log: Log): Log {
  return { ...log, info() {} }
}

/** A log that keeps nothing. */
export const silent: Log = { info() {}, warn() {}, error() {} }

function toStderr(line: string): void {
  process.stderr.write(line)
}

/** A JSON replacer that hides secrets and turns what JSON cannot hold (errors, cycles, big integers) into text. */
function safely() {
  const path: object[] = []
  return function (this: unknown, key: string, value: unknown): unknown {
    if (SECRET.test(key)) return '[secret]'
    if (value instanceof Error) return value.message
    if (typeof value === 'bigint') return String(value)
    if (typeof value !== 'object' || value === null) return value
    while (path.length > 0 && path.at(-1) !== this) path.pop()
    if (path.includes(value)) return '[cycle]'
    path.push(value)
    return value
  }
}
