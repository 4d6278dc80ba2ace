import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DomainShape } from '../api/shapes.ts'
import { answer, fakeHost, noContent, run } from './fake-host.ts'

const at = '2026-01-01T00:00:00.000Z'

function domain(name: string, more: Partial<DomainShape> = {}): DomainShape {
  return {
    domain: name,
    app: 'notes',
    url: `http://${name}`,
    state: 'pending',
    proof: null,
    createdAt: at,
    verifiedAt: null,
    target: 'notes.apps.example.org',
    apex: false,
    records: [
      { purpose: 'both', type: 'CNAME', name, value: 'notes.apps.example.org' },
      { purpose: 'owner', type: 'TXT', name: `_dormice.${name}`, value: 'dormice=abc' },
    ],
    file: { url: `http://${name}/.well-known/dormice/1`, content: 'dormice=abc' },
    checkedAt: at,
    pointsHere: false,
    checks: [
      { method: 'cname', ok: false, detail: `${name} is a CNAME of shops.example.net` },
      { method: 'txt', ok: false, detail: `_dormice.${name} has no TXT record` },
      { method: 'http', ok: false, detail: `nothing answers on port 80 of ${name}` },
    ],
    nextCheckAt: at,
    redirectFrom: null,
    ...more,
  }
}

const verified: Partial<DomainShape> = { state: 'verified', proof: 'cname', verifiedAt: at, pointsHere: true }

test('domains add says which record to make, what was found instead, and what to type next', async () => {
  await using host = await fakeHost({ 'POST /v1/apps/notes/domains': answer(domain('shop.example.com')) })
  const { code, stdout, stderr } = await run(['domains', 'add', 'Shop.Example.com.', 'notes'], { host })
  assert.equal(code, 0)
  assert.deepEqual(JSON.parse(host.bodies[0]!), { domain: 'shop.example.com' })
  assert.equal(
    stdout,
    `shop.example.com is added to notes, and pending until it is shown to be yours

Make this record in the DNS of shop.example.com: it leads its visitors here and shows that it is yours.

  shop.example.com  CNAME  notes.apps.example.org

While its visitors are to go elsewhere for now, this shows that it is yours:

  _dormice.shop.example.com  TXT  dormice=abc

or a file that http://shop.example.com/.well-known/dormice/1
answers with: dormice=abc

Found instead:
  ✗ shop.example.com is a CNAME of shops.example.net
  ✗ _dormice.shop.example.com has no TXT record
  ✗ nothing answers on port 80 of shop.example.com
`,
  )
  assert.match(stderr, /To look now: dormice domains check shop\.example\.com\n$/)
})

test('the top of a zone gets addresses, is told why, and its www name a record of its own', async () => {
  const apex = domain('example.com', {
    apex: true,
    records: [
      { purpose: 'visitors', type: 'A', name: 'example.com', value: '192.0.2.1' },
      { purpose: 'visitors', type: 'AAAA', name: 'example.com', value: '2001:db8::1' },
      { purpose: 'owner', type: 'TXT', name: '_dormice.example.com', value: 'dormice=abc' },
    ],
  })
  const { state, proof, checkedAt, pointsHere, checks, records } = domain('www.example.com')
  const redirectFrom = { domain: 'www.example.com', state, proof, checkedAt, pointsHere, checks, records }
  await using host = await fakeHost({ 'POST /v1/apps/notes/domains': answer({ ...apex, redirectFrom }) })
  const { stdout } = await run(['domains', 'add', 'example.com', 'notes'], { host })
  assert.match(
    stdout,
    /Make these records .*\n\n {2}example\.com {2}A {5}192\.0\.2\.1\n {2}example\.com {2}AAAA {2}2001:db8::1\n/,
  )
  assert.match(stdout, /the top of its zone, which cannot have a CNAME\. If your DNS offers ALIAS or ANAME/)
  assert.match(
    stdout,
    /www\.example\.com to be sent on to example\.com, make this record too:\n\n {2}www\.example\.com {2}CNAME/,
  )
})

test('a host whose own domain is localhost says what it takes', async () => {
  const local = domain('shop.example.com', {
    target: 'notes.localhost',
    records: [{ purpose: 'visitors', type: 'A', name: 'shop.example.com', value: null }],
  })
  await using host = await fakeHost({ 'POST /v1/apps/notes/domains': answer(local) })
  const { stdout } = await run(['domains', 'add', 'shop.example.com', 'notes'], { host })
  assert.match(stdout, / A {2}the address of this server\n/)
  assert.match(
    stdout,
    /domain is localhost, which no DNS leads to; with DORMICE_DOMAIN set to a domain of yours/,
  )
  await using below = await fakeHost({
    'POST /v1/apps/notes/domains': answer({ ...local, target: 'notes.apps.localhost' }),
  })
  const told = await run(['domains', 'add', 'shop.example.com', 'notes'], { host: below })
  assert.match(told.stdout, /domain is apps\.localhost, which no DNS leads to/)
})

test('domains check finds the app, and its exit code says whether the domain is verified', async () => {
  const pending = domain('shop.example.com')
  const done = domain('cafe.test', { ...verified, app: 'site' })
  await using host = await fakeHost({
    'GET /v1/domains': answer({ domains: [done, pending] }),
    'POST /v1/apps/notes/domains/shop.example.com/check': answer(pending),
    'POST /v1/apps/site/domains/cafe.test/check': answer(done),
  })
  assert.equal((await run(['domains', 'check', 'shop.example.com'], { host })).code, 1)
  const { code, stdout, stderr } = await run(['domains', 'check', 'cafe.test'], { host })
  assert.deepEqual([code, stdout], [0, 'cafe.test is site’s, verified  http://cafe.test\n'])
  assert.match(stderr, /dormice domains ls site\n$/)
})

test('domains check of the name beside a domain says what it takes for that one', async () => {
  const { state, proof, checkedAt, pointsHere, checks, records } = domain('www.cafe.test')
  const redirectFrom = { domain: 'www.cafe.test', state, proof, checkedAt, pointsHere, checks, records }
  const cafe = domain('cafe.test', { ...verified, redirectFrom })
  await using host = await fakeHost({
    'GET /v1/domains': answer({ domains: [cafe] }),
    'POST /v1/apps/notes/domains/cafe.test/check': answer(cafe),
  })
  const { code, stdout } = await run(['domains', 'check', 'www.cafe.test'], { host })
  assert.equal(code, 1)
  assert.match(
    stdout,
    /^cafe\.test is notes’s, verified .*\n\nFor visitors of www\.cafe\.test to be sent on to cafe\.test/,
  )
  const removed = await run(['domains', 'rm', 'www.cafe.test'], { host })
  assert.equal(removed.code, 1)
  assert.match(
    removed.stderr,
    /www\.cafe\.test was not added: it goes with cafe\.test; `dormice domains rm cafe\.test`/,
  )
})

test('a verified domain whose visitors go elsewhere is told so', async () => {
  const moved = domain('cafe.test', { ...verified, pointsHere: false })
  await using host = await fakeHost({ 'POST /v1/apps/notes/domains/cafe.test/check': answer(moved) })
  const { code, stdout } = await run(['domains', 'check', 'cafe.test', 'notes'], { host })
  assert.equal(code, 0)
  assert.match(stdout, /^cafe\.test is notes’s, verified\n\nIts visitors do not come here directly\./)
  assert.doesNotMatch(stdout, /TXT/)
})

test('domains ls is a table, a name that is sent on below its own', async () => {
  const redirectFrom: DomainShape['redirectFrom'] = {
    domain: 'www.cafe.test',
    state: 'verified',
    proof: 'http',
    checkedAt: at,
    pointsHere: true,
    checks: [],
    records: [],
  }
  const createdAt = new Date(Date.now() - 7_200_000).toISOString()
  const domains = [
    domain('cafe.test', { ...verified, createdAt, redirectFrom }),
    domain('shop.example.com', { createdAt }),
  ]
  await using host = await fakeHost({
    'GET /v1/domains': answer({ domains }),
    'GET /v1/apps/site/domains': answer({ domains: [] }),
  })
  const { stdout, stderr } = await run(['domains', 'ls'], { host })
  assert.equal(
    stdout,
    `DOMAIN            APP          STATE     SHOWN BY  ADDED
cafe.test         notes        verified  CNAME     2 h ago
www.cafe.test     → cafe.test  verified  HTTP      2 h ago
shop.example.com  notes        pending   –         2 h ago
`,
  )
  assert.match(stderr, /pending one: dormice domains check shop\.example\.com\n$/)
  assert.deepEqual(JSON.parse((await run(['domains', 'ls', '--json'], { host })).stdout), { domains })
  const none = await run(['domains', 'ls', 'site'], { host })
  assert.deepEqual([none.stdout, /domains add shop\.example\.com site/.test(none.stderr)], ['', true])
})

test('domains rm finds the app, and reminds of the DNS records', async () => {
  await using host = await fakeHost({
    'GET /v1/domains': answer({ domains: [domain('xn--mnchen-3ya.de')] }),
    'DELETE /v1/apps/notes/domains/xn--mnchen-3ya.de': noContent,
  })
  const { code, stdout, stderr } = await run(['domains', 'rm', 'münchen.de'], { host })
  assert.deepEqual([code, stdout], [0, 'xn--mnchen-3ya.de is taken from notes\n'])
  assert.match(stderr, /Remove its DNS records as well/)
  const { stdout: json } = await run(['domains', 'rm', 'münchen.de', '--json'], { host })
  assert.deepEqual(JSON.parse(json), { domain: 'xn--mnchen-3ya.de', app: 'notes' })
  const unknown = await run(['domains', 'rm', 'nobody.test'], { host })
  assert.deepEqual([unknown.code, /no app has the domain nobody\.test/.test(unknown.stderr)], [1, true])
})

test('a name is the host’s to refuse, and what was found cannot command the terminal', async () => {
  const checks = [{ method: 'cname', ok: false, detail: 'x is a CNAME of \u001b[2Jy' }] as const
  await using host = await fakeHost({
    'POST /v1/apps/notes/domains': answer(domain('a.test', { checks: [...checks] })),
  })
  const { stdout } = await run(['domains', 'add', 'https://a.test/x', 'notes'], { host })
  assert.deepEqual(JSON.parse(host.bodies[0]!), { domain: 'https://a.test/x' })
  assert.match(stdout, /✗ x is a CNAME of y\n/)
})
