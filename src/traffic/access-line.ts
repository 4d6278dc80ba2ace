import type { AccessRecord } from '../edge/context.ts'

/**
 * A record as a line of the access log: JSON in ASCII, with its line feed; `schema/access-record.schema.json` says what
 * is in it. Put together by hand, which takes a third of the time of `JSON.stringify`.
 *
 * @param now epoch ms, when the request was over
 */
export function accessLine(record: AccessRecord, now: number): string {
  const { ms, wakeMs, upstreamMs, code, aborted } = record
  let line = `{"time":"${isoTime(now - ms)}","app":"${record.app}","method":${quoted(record.method)},"path":${quoted(record.path)},"status":${record.status}`
  if (code !== undefined) line += `,"code":"${code}"`
  if (aborted !== undefined) line += `,"aborted":"${aborted}"`
  line += `,"received":${record.received},"sent":${record.sent},"ms":${hundredths(ms)}`
  if (upstreamMs !== undefined) line += `,"upstreamMs":${hundredths(upstreamMs)}`
  line += `,"wake":"${record.wake}"`
  if (wakeMs !== undefined) line += `,"wakeMs":${hundredths(wakeMs)}`
  if (record.first) line += ',"first":true'
  return `${line},"visitor":${quoted(record.visitor)},"protocol":"${record.protocol}","requestId":"${record.requestId}"}\n`
}

let second = -1
let untilDot = ''

/** An ISO 8601 time; all but its milliseconds is made once a second. */
function isoTime(epoch: number): string {
  const now = Math.floor(epoch / 1000)
  if (now !== second) {
    second = now
    untilDot = new Date(now * 1000).toISOString().slice(0, 20)
  }
  const ms = Math.floor(epoch) - now * 1000
  return `${untilDot}${ms < 10 ? '00' : ms < 100 ? '0' : ''}${ms}Z`
}

/** With at most two decimals: of whole numbers, whose text V8 keeps, that of a fraction it makes each time. */
function hundredths(value: number): string {
  const all = Math.round(value * 100)
  const whole = Math.floor(all / 100)
  const rest = all - whole * 100
  return rest === 0 ? `${whole}` : `${whole}.${rest < 10 ? '0' : ''}${rest}`
}

/** A string as JSON in ASCII. A byte beyond it, which a character of a path is, is written as in a URL: `%C3`. */
function quoted(text: string): string {
  return SPECIAL.test(text) ? `"${text.replace(ALL_SPECIAL, escaped)}"` : `"${text}"`
}

const SPECIAL = /["\\]|[^ -~]/
const ALL_SPECIAL = /["\\]|[^ -~]/g

function escaped(char: string): string {
  if (char === '"' || char === '\\') return `\\${char}`
  return `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
}
