import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Hono } from 'hono'
import { packageRoot } from '../paths.ts'

const folder = join(packageRoot, 'src/dashboard')

const files = [
  { path: '/', file: 'index.html', type: 'text/html; charset=utf-8' },
  { path: '/dashboard.css', file: 'dashboard.css', type: 'text/css; charset=utf-8' },
  { path: '/dashboard.js', file: 'dashboard.js', type: 'text/javascript; charset=utf-8' },
]

/** Nothing but its own files and its own API: a page that holds a token loads nothing of anybody else. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-ancestors 'none'"

/** The dashboard: a few files that call the control API with the token their user gives. */
export function dashboard(): Hono {
  const pages = new Hono()
  for (const { path, file, type } of files) {
    const text = readFileSync(join(folder, file), 'utf8')
    pages.get(path, c =>
      c.body(text, 200, {
        'content-type': type,
        'content-security-policy': policy,
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-cache',
      }),
    )
  }
  return pages
}
