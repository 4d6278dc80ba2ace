import { randomBytes } from 'node:crypto'
import { open } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { setImmediate as immediate } from 'node:timers/promises'
import type { Waiting } from '../../apps/rules.ts'
import type { EdgeContext } from '../context.ts'
import type { RawHeaders } from '../headers.ts'
import { escapeHtml } from '../pages.ts'
import type { Site } from '../site.ts'
import { isNavigation } from './navigation.ts'
import { SCRIPT } from './script.ts'
import { TEMPLATE } from './template.ts'
import type { WakeCall } from './wake-call.ts'

type Page = { headers: RawHeaders; body: Buffer }
type Outcome = NonNullable<WakeCall['outcome']>

/** Bytes of a template of the host's own; of a longer one nothing is taken. */
const largestTemplate = 256 * 1024

/**
 * Whether a request that would be held gets a page instead: a browser's for a document, of an app that is
 * known to take its time. Whoever else asks waits for the answer itself.
 */
export function showsPage(
  req: IncomingMessage,
  { target }: Site,
  { limits, draining }: EdgeContext,
): boolean {
  if (target.rules?.waiting === 'off' || !isNavigation(req) || draining) return false
  return (target.forecast.expected ?? 0) > limits.wakeWithoutPage
}

/**
 * The page for a wake that begins now, or goes on; what came of that where it is over at once, as with one
 * held back.
 */
export async function pageOf(site: Site, { now, waitingTemplate }: EdgeContext): Promise<Page | Outcome> {
  const { app, target } = site
  const call = site.wake(now)
  const template = await readTemplate(waitingTemplate)
  // What is refused at once is known now.
  await immediate()
  if (call.outcome !== undefined) return call.outcome
  const { rules, forecast } = target
  const look = rules?.waiting === 'off' ? {} : (rules?.waiting ?? {})
  const { expected = 0 } = forecast
  return waitingPage(template, { app, look, expected, left: expected - (now() - call.since) })
}

/** What a waiting page says. */
export type Says = {
  app: string
  /** How the app wants it to look. */
  look: Exclude<Waiting, 'off'>
  /** ms that the wake is expected to take, and that are left of that; less than none when it takes longer. */
  expected: number
  left: number
}

/** Seconds after which it is worth to ask again. */
export function retryAfter({ left }: Says): number {
  return Math.min(30, Math.max(2, Math.ceil(left / 1000)))
}

/**
 * The waiting page, and what a browser may do with it: nothing but run its own script and talk to its own
 * host.
 */
export function waitingPage(template: string | undefined, says: Says): Page {
  const nonce = randomBytes(16).toString('base64url')
  const { app, look, expected } = says
  const retry = String(retryAfter(says))
  const byItself = `<noscript><meta http-equiv="refresh" content="${retry}"></noscript>`
  const values: Readonly<Record<string, string>> = {
    app: escapeHtml(app),
    title: escapeHtml(look.title ?? `${app} is waking up`),
    message: escapeHtml(look.message ?? MESSAGE),
    colour: look.colour ?? HAZEL,
    icon: escapeHtml(look.icon ?? ''),
    expected: String(Math.max(1, Math.round(expected / 1000))),
    retry,
    nonce,
    reload: `${byItself}\n<script nonce="${nonce}">${SCRIPT}</script>`,
  }
  const text = withReload(template ?? TEMPLATE)
  const html = text.replace(/\{\{(\w+)\}\}/g, (whole, name: string) => values[name] ?? whole)
  const headers = [
    'Content-Type',
    'text/html; charset=utf-8',
    'Retry-After',
    retry,
    'Cache-Control',
    'no-store',
    'X-Dormice-Error',
    'app_waking',
    'X-Content-Type-Options',
    'nosniff',
    'Content-Security-Policy',
    `script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'; ${POLICY}`,
  ]
  return { headers, body: Buffer.from(html) }
}

const MESSAGE = 'It was asleep because nobody needed it, and is here in a moment.'
const POLICY =
  "default-src 'none'; img-src data:; font-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'"
const HAZEL = '#b0743f'

/**
 * A page that does not say where what reloads it belongs has it at its end: none may stand there for ever.
 */
function withReload(template: string): string {
  return template.includes('{{reload}}') ? template : `${template}\n{{reload}}\n`
}

/**
 * A template of the host's own; undefined when there is none, or none that can be read. Read anew for every
 * page.
 */
export async function readTemplate(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined
  try {
    await using handle = await open(file)
    const buffer = Buffer.alloc(largestTemplate + 1)
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0)
    return bytesRead > largestTemplate ? undefined : buffer.toString('utf8', 0, bytesRead)
  } catch {
    return undefined
  }
}
