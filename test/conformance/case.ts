/** What one side of a connection does next. Text is latin1 throughout: a character is a byte. */
export type Step =
  | { write: string }
  /** Goes on once this has come in from the other side. */
  | { until: string }
  /** Goes on once the other side sends no more. */
  | 'ended'
  /** Sends no more, but still listens. */
  | 'end'
  /** Breaks the connection off. */
  | 'reset'

/**
 * An answer of the edge's own, by its status and the code in `X-Dormice-Error`; the connection ends after it.
 */
export type Refusal = { refused: number; code?: string }

/** The app saw no more than this, cut off somewhere: how much depends on what happened first. */
export type Part = { atMost: string }

export type Rival = 'nginx' | 'haproxy'

/** One exchange of raw bytes: what a visitor sends, what comes back, and what the app saw of it. */
export type Case = {
  /** The behaviour, to be read after "the edge:". */
  name: string
  /** Where it is required or allowed: an RFC and its section. */
  rfc: string
  /** The visitor's bytes. After them the visitor waits for the connection's end, or see `kept`. */
  sent: string | readonly Step[]
  /**
   * All that the visitor receives, in order: exact bytes, where a date of now is `<now>`, and at the end
   * possibly a refusal. Every text that comes before a refusal is exact.
   */
  answer: string | Refusal | readonly (string | Refusal)[]
  /** The connection takes another request afterwards; else it ends. */
  kept?: true
  /**
   * The exact bytes that the app saw, a text for each connection, in the order of their beginning; none when
   * it is empty. A request id that the edge made up is `<id>`.
   */
  upstream: string | readonly string[] | Part
  /**
   * What the app does: the answer to every request that is whole, or a script for each connection; else `OK`.
   */
  app?: string | readonly Step[]
  /** Why Dormice does it otherwise than another proxy, where it does. */
  differs?: { readonly [P in Rival]?: string }
}

/** A theme of the corpus. */
export type Theme = { title: string; cases: readonly Case[] }

/** The request that follows every case on a new connection, and on the case's own where that is kept. */
export const AFTER = 'GET /after HTTP/1.1\r\nHost: app.localhost\r\nConnection: close\r\n\r\n'
/** What the app answers to that. */
export const AFTER_ANSWER = 'HTTP/1.1 200 OK\r\nDate: then\r\nContent-Length: 5\r\n\r\nafter'
/** What the visitor gets of that. */
export const AFTER_RECEIVED =
  'HTTP/1.1 200 OK\r\nDate: then\r\nContent-Length: 5\r\nConnection: close\r\n\r\nafter'

/** Lines as a head: each ended by CRLF, and an empty one at the end. */
export function head(...lines: string[]): string {
  return [...lines, '', ''].join('\r\n')
}

/** A request of the app on a connection that ends with it. */
export function ask(line: string, ...headers: string[]): string {
  return head(`${line} HTTP/1.1`, 'Host: app.localhost', ...headers, 'Connection: close')
}

/** A request of the app on a connection that is kept. */
export function askOn(line: string, ...headers: string[]): string {
  return head(`${line} HTTP/1.1`, 'Host: app.localhost', ...headers)
}

/** What the app answers unless a case says otherwise. */
export const OK = 'HTTP/1.1 200 OK\r\nDate: then\r\nContent-Length: 2\r\n\r\nok'

/** An answer's head as a visitor gets it on a connection that ends with it. */
export function closing(status: string, ...headers: string[]): string {
  return head(`HTTP/1.1 ${status}`, ...headers, 'Connection: close')
}

/** An answer's head as a visitor gets it on a connection that is kept. */
export function keeping(status: string, ...headers: string[]): string {
  return head(`HTTP/1.1 ${status}`, ...headers, 'Connection: keep-alive')
}

/** What a visitor gets of `OK`, on a connection that ends with it. */
export const OK_CLOSING = `${closing('200 OK', 'Date: then', 'Content-Length: 2')}ok`
/** What a visitor gets of `OK`, on a connection that is kept. */
export const OK_KEEPING = `${keeping('200 OK', 'Date: then', 'Content-Length: 2')}ok`

/** What the parser of the edge answers to what it cannot read. */
export const UNREADABLE = 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'

/** An answer of the edge's own. */
export function refused(status: number, code?: string): Refusal {
  return code === undefined ? { refused: status } : { refused: status, code }
}

export const BAD_REQUEST: Refusal = refused(400, 'bad_request')
export const BROKEN_ANSWER: Refusal = refused(502, 'app_broken_answer')

/**
 * What the edge tells an app about a request, after the visitor's own headers.
 * @param host the Host header
 */
function forwarding(host: string): string[] {
  return [
    'X-Forwarded-For: 127.0.0.1',
    'X-Forwarded-Proto: http',
    `X-Forwarded-Host: ${host}`,
    'X-Request-Id: <id>',
  ]
}

/** A request's head as an app sees it on a connection that is kept. */
export function seen(line: string, ...headers: string[]): string {
  return seenFor('app.localhost', line, ...headers)
}

/** The same for another Host header. */
export function seenFor(host: string, line: string, ...headers: string[]): string {
  return head(`${line} HTTP/1.1`, `host: ${host}`, 'connection: keep-alive', ...headers, ...forwarding(host))
}

/** The same of a request with a body, or of a method that may have one. @param framing the header about it */
export function seenWith(framing: string, line: string, ...headers: string[]): string {
  return `${seen(line, ...headers).slice(0, -2)}${framing}\r\n\r\n`
}

/** The same on a connection that ends with it. */
export function once(head: string): string {
  return head.replace('\r\nconnection: keep-alive\r\n', '\r\nconnection: close\r\n')
}

export function write(text: string): Step {
  return { write: text }
}

export function until(text: string): Step {
  return { until: text }
}
