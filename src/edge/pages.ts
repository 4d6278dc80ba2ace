import type { IncomingMessage, ServerResponse } from 'node:http'
import { STATUS_CODES } from 'node:http'
import { Problem } from '../problem.ts'

/** What the edge itself answers. */
export type Answer = {
  status: number
  /** Stable `snake_case` code, for the `X-Dormice-Error` header; undefined for what is no error. */
  code?: string
  /** One or two sentences for whoever looks at it: what is so, and what to do. Plain text. */
  text: string
  /** Seconds. */
  retryAfter?: number | undefined
  /** Where it is instead, of a redirect. */
  location?: string
  /** The text is for a program: it is sent as it is, whatever the request accepts. */
  exact?: boolean
  /** What a 401 asks for: the `WWW-Authenticate` header. */
  challenge?: string
}

/**
 * What visitors are told of each problem. A problem's own detail is for the app's owner and may hold what is
 * nobody else's business.
 */
const TOLD: Readonly<Record<string, string>> = {
  queue_full: 'This app is waking up and too many requests already wait for it. Try again in a moment.',
  wake_timeout: 'This app took too long to wake up. Try again in a moment.',
  app_crashed:
    'This app does not start at the moment. Try again later; its owner finds the reason in its log.',
  app_lost:
    'This app cannot be woken: what it runs from is missing here, and its owner has to bring it back. Try again later.',
  wake_failed:
    'This app could not be started. Try again in a moment; if it stays so, the log of this host says why.',
  no_memory: 'There is no room to wake this app at the moment. Try again in a moment.',
  engine_unavailable: 'Apps cannot be woken at the moment. Try again in a moment.',
  no_release: 'Nothing is deployed here yet. If this app is yours, deploy it with `dormice deploy`.',
  unknown_app: 'There is no app here any more: it has been deleted.',
  bad_request: 'This request cannot be passed on to the app: its method, path or headers are not valid.',
  app_unreachable: 'This app does not accept connections at the moment. Try again in a moment.',
  app_broken_answer: 'This app broke off without a valid answer. Try again in a moment.',
  app_timeout: 'This app took too long to answer.',
  body_timeout: 'The rest of this request did not arrive in time.',
  app_stopping: 'This app is being stopped or replaced. Try again in a moment.',
}

/** A thrown value as an answer to a visitor: a problem with its status and code, anything else a bare 500. */
export function answerTo(error: unknown): Answer {
  if (!(error instanceof Problem)) {
    return { status: 500, code: 'internal', text: 'Something went wrong here. Try again in a moment.' }
  }
  const { status, code, retryAfter } = error
  const text = TOLD[code] ?? `This app cannot answer at the moment (${STATUS_CODES[status] ?? status}).`
  return { status, code, text, retryAfter }
}

/** The answer to a host that is not an app's. @param host the Host header */
export function unknownHost(host: string, domain: string): Answer {
  return {
    status: 404,
    code: 'unknown_host',
    text: `There is no app at ${host}. Check the address: apps here are at <app>.${domain}${portOf(host)}. If it is yours, deploy it with \`dormice deploy\`.`,
  }
}

/** The answer to the domain itself. @param host the Host header */
export function bareDomain(host: string, domain: string): Answer {
  const here = domain + portOf(host)
  return {
    status: 404,
    code: 'unknown_host',
    text: `There is no app at ${here} itself. Apps here are at <app>.${here}, the dashboard is at dormice.${here}.`,
  }
}

/** The port that visitors come by, as `:8080`; empty for the usual one. It need not be the one that is listened on. */
export function portOf(host: string): string {
  return /^(?:\[.*\]|[^:]*)(:\d{1,5})$/.exec(host)?.[1] ?? ''
}

/** The answer to a request that cannot be understood in just one way. */
export function badRequest(text: string): Answer {
  return { status: 400, code: 'bad_request', text }
}

/**
 * Sends an answer of the edge's own: JSON, HTML or plain text, by what the request accepts. Nothing may have been sent
 * yet. Returns the bytes of its body.
 */
export function sendAnswer(
  req: IncomingMessage,
  res: ServerResponse,
  answer: Answer,
  close: boolean,
): number {
  const { type, body } = render(String(req.headers.accept ?? ''), answer)
  const bytes = Buffer.byteLength(body)
  const headers = [
    'Content-Type',
    type,
    'Content-Length',
    String(bytes),
    'Cache-Control',
    'no-store',
    'X-Content-Type-Options',
    'nosniff',
  ]
  if (answer.code !== undefined) headers.push('X-Dormice-Error', answer.code)
  if (answer.retryAfter !== undefined) headers.push('Retry-After', String(Math.ceil(answer.retryAfter)))
  if (answer.location !== undefined) headers.push('Location', answer.location)
  if (answer.challenge !== undefined) headers.push('WWW-Authenticate', answer.challenge)
  if (close) headers.push('Connection', 'close')
  res.writeHead(answer.status, headers)
  res.end(body)
  return req.method === 'HEAD' ? 0 : bytes
}

function render(accept: string, { status, code, text, exact }: Answer): { type: string; body: string } {
  if (exact) return { type: 'text/plain; charset=utf-8', body: text }
  const title = STATUS_CODES[status] ?? 'Error'
  const html = accept.indexOf('text/html')
  const json = accept.search(/application\/(problem\+)?json/)
  if (json !== -1 && (html === -1 || json < html)) {
    const problem = { type: 'about:blank', title, status, detail: text, code }
    return { type: 'application/problem+json', body: JSON.stringify(problem) }
  }
  if (html === -1) return { type: 'text/plain; charset=utf-8', body: `${text}\n` }
  return { type: 'text/html; charset=utf-8', body: page(`${status} ${title}`, text) }
}

function page(title: string, text: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${escapeHtml(title)}</title>
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 34rem; margin: 18vh auto; padding: 0 1.5rem }
h1 { font-size: 1.25rem }
</style>
<h1>${escapeHtml(title)}</h1>
<p>${escapeHtml(text)}</p>
</html>
`
}

/** Text as HTML. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, char => `&#${char.charCodeAt(0)};`)
}
