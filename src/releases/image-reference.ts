import { Problem } from '../problem.ts'

/** A registry's host, as the first part of a reference: it has a dot or a port, or is `localhost`. */
const HOST = /^(?:localhost|(?=.*[.:])[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::\d{1,5})?$/
const COMPONENT = /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*$/
const TAG = /^\w[\w.-]{0,127}$/
const DIGEST = /^sha256:[0-9a-f]{64}$/

/**
 * Whether the text can name an image: `[host[:port]/]name[/name…][:tag][@digest]`, or an image's id (the grammar of
 * github.com/distribution/reference). A reference becomes part of a path of the engine's API, and the engine answers
 * one with `..` in it by a redirect that its client follows, to any address.
 */
export function isImageReference(text: string): boolean {
  if (DIGEST.test(text)) return true
  const [tagged = '', digest, ...more] = text.split('@')
  if (more.length > 0 || (digest !== undefined && !DIGEST.test(digest))) return false
  const parts = tagged.split('/')
  const [last = '', tag, ...extra] = (parts.pop() ?? '').split(':')
  if (extra.length > 0 || (tag !== undefined && !TAG.test(tag))) return false
  const [first = ''] = parts
  const path = [...(HOST.test(first) ? parts.slice(1) : parts), last]
  return path.every(component => COMPONENT.test(component))
}

/** @throws {Problem} 400 `invalid_image_reference` */
export function checkImageReference(text: string): void {
  if (isImageReference(text)) return
  throw new Problem({
    code: 'invalid_image_reference',
    status: 400,
    detail: `${JSON.stringify(text.slice(0, 100))} cannot name an image; accepted: [host[:port]/]name[:tag][@sha256:…], lower case, e.g. "nginx:1.27"`,
  })
}
