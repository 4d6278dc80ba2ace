import type { RawHeaders } from '../headers.ts'

/** What is answered for a sleeping app of which nothing is kept. */
type Stand = { type: string; body: Buffer }

const EXTENSION = /\.([a-z0-9]{1,5})$/i

/** A single transparent pixel: what a browser shows as no icon. */
const PIXEL = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64')

const BY_EXTENSION: Readonly<Record<string, Stand>> = {
  css: stand('text/css', ''),
  js: stand('text/javascript', ''),
  json: stand('application/json', '{}'),
  map: stand('application/json', '{}'),
  svg: stand('image/svg+xml', '<svg xmlns="http://www.w3.org/2000/svg"/>'),
  // An empty robots.txt allows everything, as none does.
  txt: stand('text/plain; charset=utf-8', ''),
  xml: stand('application/xml', '<?xml version="1.0" encoding="UTF-8"?><asleep/>'),
}
for (const extension of ['gif', 'ico', 'jpeg', 'jpg', 'png', 'webp']) {
  Object.assign(BY_EXTENSION, { [extension]: { type: 'image/gif', body: PIXEL } })
}

const JSON_STAND = stand('application/json', '{"status":"asleep"}')
const PAGE = stand(
  'text/html; charset=utf-8',
  '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>Asleep</title>\n' +
    '<p>This app is asleep, and wakes for its visitors.</p>\n</html>\n',
)
const PLAIN = stand('text/plain; charset=utf-8', 'asleep\n')

/** A small body of a type that fits the path, or else what the request accepts. @param path without query */
export function standIn(path: string, accept: string): Stand {
  const byName = BY_EXTENSION[EXTENSION.exec(path)?.[1]?.toLowerCase() ?? '']
  if (byName) return byName
  const html = accept.indexOf('text/html')
  const json = accept.indexOf('application/json')
  if (json !== -1 && (html === -1 || json < html)) return JSON_STAND
  return html === -1 ? PLAIN : PAGE
}

/** Headers of what stands in for an answer: nobody keeps it. */
export function standInHeaders({ type }: Stand): RawHeaders {
  return ['Content-Type', type, 'Cache-Control', 'no-store', 'X-Content-Type-Options', 'nosniff']
}

function stand(type: string, body: string): Stand {
  return { type, body: Buffer.from(body) }
}
