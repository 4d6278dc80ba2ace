import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Forwarding } from './headers.ts'
import { countHosts, requestHeaders, responseHeaders, trailerPairs } from './headers.ts'
import { nameSet } from './names.ts'

const forwarding: Forwarding = {
  host: 'app.localhost',
  isProxied: false,
  peer: '203.0.113.9',
  proto: 'http',
  requestId: 'id-1',
  wake: undefined,
}
const OURS = [
  'X-Forwarded-For: 203.0.113.9',
  'X-Forwarded-Proto: http',
  'X-Forwarded-Host: app.localhost',
  'X-Request-Id: id-1',
]
const RULES = { mayTrail: true, maySize: true, wake: undefined, close: false }

/** What an app gets of these header lines. */
function toApp(lines: string[], more: Partial<Forwarding> = {}): string[] {
  const rawHeaders = raw(lines)
  const headers: Record<string, string> = {}
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase()
    headers[name] = name in headers ? `${headers[name]}, ${rawHeaders[i + 1]}` : rawHeaders[i + 1]!
  }
  return lined(
    requestHeaders({ rawHeaders, headers } as unknown as IncomingMessage, { ...forwarding, ...more }),
  )
}

function toVisitor(lines: string[], rules: Partial<typeof RULES> = {}): string[] {
  return lined(responseHeaders(raw(lines).map(Buffer.from), { ...RULES, ...rules }))
}

function raw(lines: string[]): string[] {
  return lines.flatMap(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)])
}

function lined(flat: string[]): string[] {
  return Array.from({ length: flat.length / 2 }, (_, i) => `${flat[2 * i]}: ${flat[2 * i + 1]}`)
}

test('end-to-end headers reach the app in order, case, number and value as they came', () => {
  const lines = [
    'Host: APP.localhost:80',
    'cookie: a=1',
    'Cookie: b=2',
    'X-a: \xe9',
    'accept: */*',
    'Content-Length: 3',
  ]
  assert.deepEqual(toApp(lines), [...lines, ...OURS])
})

test('hop-by-hop headers do not reach the app', () => {
  const lines = [
    'Connection: keep-alive',
    'Keep-Alive: timeout=5',
    'Proxy-Connection: keep-alive',
    'Proxy-Authorization: Basic x',
    'TE: gzip',
    'Trailer: X-Sum',
    'Transfer-Encoding: chunked',
    'Upgrade: websocket',
    'Expect: 100-continue',
    'HTTP2-Settings: x',
    'Proxy: http://evil.test',
  ]
  assert.deepEqual(toApp(lines), OURS)
})

test('headers that the Connection header lists do not reach the app, but Host and Content-Length do', () => {
  const lines = [
    'Connection: close, X-Secret , host,Content-Length',
    'X-SECRET: 1',
    'X-Other: 2',
    'Host: h',
    'Content-Length: 1',
  ]
  assert.deepEqual(toApp(lines), ['X-Other: 2', 'Host: h', 'Content-Length: 1', ...OURS])
})

test('a Connection header cannot take away what the edge adds', () => {
  assert.deepEqual(toApp(['Connection: X-Forwarded-For, X-Request-Id, X-Forwarded-Proto']), OURS)
})

test('forwarding headers cannot be forged, not even with underscores', () => {
  const lines = [
    'X-Forwarded-For: 10.0.0.1',
    'x-forwarded-proto: https',
    'X_Forwarded_Host: evil.test',
    'X-Forwarded-Anything: x',
    'Forwarded: for=10.0.0.1',
    'X-Real-IP: 10.0.0.1',
    'X-Dormice-Wake: cold;dur=1',
    'x_request-id: x',
  ]
  assert.deepEqual(toApp(lines), OURS)
})

test('the first request after a wake says so', () => {
  const wake = { kind: 'cold', ms: 131.6 } as const
  assert.equal(toApp([], { wake }).at(-1), 'X-Dormice-Wake: cold;dur=132')
  assert.deepEqual(toVisitor(['Server-Timing: db;dur=3'], { wake: wake as never }), [
    'Server-Timing: db;dur=3',
    'Server-Timing: wake;desc=cold;dur=132',
  ])
  const parts = [
    { name: 'create', ms: 5.04 },
    { name: 'ready', ms: 71.26 },
  ]
  assert.deepEqual(toVisitor([], { wake: { ...wake, parts } as never }), [
    'Server-Timing: wake;desc=cold;dur=132, wake-create;dur=5, wake-ready;dur=71.3',
  ])
})

test('an app learns that trailers are welcome, and of no other transfer coding', () => {
  assert.ok(toApp(['TE: gzip, Trailers']).includes('TE: trailers'))
  assert.ok(!toApp(['TE: nontrailers']).some(line => line.startsWith('TE')))
})

test('hop-by-hop and listed headers of an answer do not reach the visitor', () => {
  const lines = [
    'Set-Cookie: a',
    'Connection: X-Hop',
    'set-cookie: b',
    'Keep-Alive: timeout=5',
    'Transfer-Encoding: chunked',
    'Upgrade: h2c',
    'Proxy-Authenticate: Basic',
    'x-hop: 1',
    'Content-Type: text/plain',
  ]
  assert.deepEqual(toVisitor(lines), ['Set-Cookie: a', 'set-cookie: b', 'Content-Type: text/plain'])
})

test('an answer that may not say its length does not', () => {
  assert.deepEqual(toVisitor(['Content-Length: 3', 'ETag: x'], { maySize: false }), ['ETag: x'])
})

test('a length with an underscore does not reach the app', () => {
  assert.deepEqual(toApp(['Content_Length: 3', 'Content-Type: a']), ['Content-Type: a', ...OURS])
})

test('trailers are announced only where the framing can carry them', () => {
  assert.deepEqual(toVisitor(['Trailer: X-Sum']), ['Trailer: X-Sum'])
  assert.deepEqual(toVisitor(['Trailer: X-Sum', 'Content-Length: 3']), ['Content-Length: 3'])
  assert.deepEqual(toVisitor(['Trailer: X-Sum'], { mayTrail: false }), [])
})

test('a trailer cannot carry framing, routing or cookies', () => {
  assert.deepEqual(
    trailerPairs(raw(['X-Sum: 1', 'Content-Length: 9', 'Transfer-Encoding: x', 'Set-Cookie: a', 'host: b'])),
    [['X-Sum', '1']],
  )
})

test('Host headers are counted whatever their case', () => {
  assert.equal(countHosts(raw(['Host: a', 'Accept: b', 'HOST: c'])), 2)
  assert.equal(countHosts(raw(['Hose: a'])), 0)
})

test('a name set answers like a lower-cased set', () => {
  const names = ['te', 'connection', 'keep-alive', 'x-a']
  const isIn = nameSet(...names)
  const near = fc.constantFrom(...names).chain(name => fc.mixedCase(fc.constant(name)))
  fc.assert(
    fc.property(fc.oneof(near, fc.string()), name => {
      assert.equal(isIn(name), names.includes(name.toLowerCase().replaceAll('_', '-')))
    }),
  )
})
