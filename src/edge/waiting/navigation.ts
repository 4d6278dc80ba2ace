import type { IncomingMessage } from 'node:http'

/** Where a document is shown to a person. */
const SHOWN = new Set(['document', 'iframe', 'frame'])

/**
 * Whether a browser asks for a page that a person looks at, and would show them whatever it gets. Browsers
 * say so only over HTTPS and to this machine itself (`Sec-Fetch-*`); of others it is not known, and they
 * wait.
 */
export function isNavigation({ method, headers }: IncomingMessage): boolean {
  return (
    headers['sec-fetch-mode'] === 'navigate' &&
    method === 'GET' &&
    SHOWN.has(String(headers['sec-fetch-dest'])) &&
    headers.accept?.includes('text/html') === true &&
    headers.range === undefined &&
    headers.upgrade === undefined &&
    // What is only fetched ahead is of no use but whole.
    headers['sec-purpose'] === undefined
  )
}
