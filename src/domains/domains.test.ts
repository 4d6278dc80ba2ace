import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mostDomains } from './domains.ts'
import { DomainStage } from './fixture.ts'

const here = { A: ['127.0.0.1'] }

test('a domain is not routed while it is pending, and is once it was shown', async t => {
  const stage = await DomainStage.start(t)
  const added = await stage.add('notes', 'cafe.test')
  assert.deepEqual([added.status, added.json['state']], [201, 'pending'])
  const early = await stage.visit('cafe.test')
  assert.deepEqual([early.status, early.headers['x-dormice-error']], [404, 'domain_pending'])
  assert.match(early.text, /dormice domains check cafe\.test/)
  assert.equal(stage.domains.isVerified('cafe.test'), false)

  stage.names.zone.set('_dormice.cafe.test', { TXT: [stage.challenge('notes', 'cafe.test').value] })
  const { json } = await stage.call('POST', '/v1/apps/notes/domains/cafe.test/check')
  assert.deepEqual([json['state'], json['proof']], ['verified', 'txt'])
  assert.equal(stage.domains.isVerified('cafe.test'), true)
  const visit = await stage.visit('Cafe.TEST.:8080', '/menu?a=1')
  assert.deepEqual([visit.status, visit.text], [200, 'notes Cafe.TEST.:8080 /menu?a=1'])
})

test('a name that is a CNAME of the app is verified when it is added', async t => {
  const stage = await DomainStage.start(t)
  stage.names.zone.set('cafe.test', { CNAME: 'notes.apps.test' })
  const { json } = await stage.add('notes', 'cafe.test')
  assert.deepEqual([json['state'], json['proof'], json['pointsHere']], ['verified', 'cname', true])
  assert.equal((await stage.visit('cafe.test')).text, 'notes cafe.test /')
})

test('a name that points here is verified over HTTP: the edge answers for it', async t => {
  const stage = await DomainStage.start(t)
  stage.names.zone.set('cafe.test', here)
  const { json } = await stage.add('notes', 'cafe.test')
  assert.deepEqual([json['state'], json['proof'], json['pointsHere']], ['verified', 'http', true])
})

test('a file where the name is served now shows it too', async t => {
  const stage = await DomainStage.start(t)
  const elsewhere = await stage.elsewhere(t, (req, res) => {
    const { path, value } = stage.challenge('notes', 'cafe.test')
    res.writeHead(req.url === path ? 200 : 404).end(req.url === path ? value : '')
  })
  stage.names.zone.set('cafe.test', { A: [elsewhere] })
  assert.deepEqual((await stage.add('notes', 'cafe.test')).json['proof'], 'http')
})

test('a name with www, or without, is sent on once it points here as well', async t => {
  const stage = await DomainStage.start(t)
  stage.names.zone.set('cafe.test', here)
  await stage.add('notes', 'cafe.test')
  assert.equal((await stage.visit('www.cafe.test')).status, 404)
  stage.names.zone.set('www.cafe.test', here)
  await stage.call('POST', '/v1/apps/notes/domains/cafe.test/check')
  const sent = await stage.visit('www.cafe.test:8080', '/a//b?c=%20', 'POST')
  assert.deepEqual([sent.status, sent.headers['location']], [308, '//cafe.test:8080/a//b?c=%20'])
  assert.equal(sent.headers['cache-control'], 'no-store')
  assert.equal((await stage.visit('WWW.cafe.test')).headers['location'], '//cafe.test/')
  assert.equal(stage.domains.isVerified('www.cafe.test'), true)

  // Added itself, it is served like the other.
  const { json } = await stage.add('notes', 'www.cafe.test')
  assert.equal(json['state'], 'verified')
  assert.equal((await stage.visit('www.cafe.test')).text, 'notes www.cafe.test /')
  assert.equal((await stage.visit('cafe.test')).text, 'notes cafe.test /')
})

test('a name is sent on nowhere while the one that was added is pending', async t => {
  const stage = await DomainStage.start(t)
  stage.names.zone.set('www.cafe.test', here)
  await stage.add('notes', 'cafe.test')
  assert.equal((await stage.visit('www.cafe.test')).status, 404)
  assert.equal(stage.domains.isVerified('www.cafe.test'), false)
})

test('a removed domain is not routed any more, nor is the name that it was sent on from', async t => {
  const stage = await DomainStage.start(t)
  for (const name of ['cafe.test', 'www.cafe.test']) stage.names.zone.set(name, here)
  await stage.add('notes', 'cafe.test')
  assert.equal((await stage.visit('www.cafe.test')).status, 308)
  assert.equal((await stage.call('DELETE', '/v1/apps/notes/domains/cafe.test')).status, 204)
  for (const name of ['cafe.test', 'www.cafe.test']) assert.equal((await stage.visit(name)).status, 404)
})

test('a deleted app’s domains are not routed, not even to an app of the same name', async t => {
  const stage = await DomainStage.start(t)
  stage.names.zone.set('cafe.test', here)
  await stage.add('notes', 'cafe.test')
  const { value } = stage.challenge('notes', 'cafe.test')
  await stage.apps.delete('notes')
  assert.equal((await stage.visit('cafe.test')).status, 404)
  assert.equal(stage.domains.isVerified('cafe.test'), false)

  stage.context.store.createApp('notes', stage.clock)
  stage.apps.instance('notes')
  assert.equal((await stage.visit('cafe.test')).status, 404)
  stage.names.zone.set('cafe.test', {})
  stage.names.zone.set('_dormice.cafe.test', { TXT: [value] })
  assert.equal((await stage.add('notes', 'cafe.test')).json['state'], 'pending')
})

test('a host that starts again routes what was shown, without asking anybody', async t => {
  const stage = await DomainStage.start(t)
  stage.names.zone.set('cafe.test', here)
  stage.names.zone.set('www.cafe.test', here)
  await stage.add('notes', 'cafe.test')
  await stage.add('shop', 'later.test')
  const again = await stage.restart(t)
  assert.equal((await again.visit('cafe.test')).text, 'notes cafe.test /')
  assert.equal((await again.visit('www.cafe.test')).status, 308)
  assert.equal((await again.visit('later.test')).headers['x-dormice-error'], 'domain_pending')
})

test('a pending domain is looked at again by itself, in its time', async t => {
  const stage = await DomainStage.start(t)
  await stage.add('notes', 'cafe.test')
  stage.names.zone.set('cafe.test', { CNAME: 'notes.apps.test' })
  stage.clock += 29_000
  stage.domains.sweep()
  assert.equal(stage.domains.get('notes', 'cafe.test').nextLookAt, stage.clock + 1_000)
  stage.clock += 1_000
  stage.domains.sweep()
  // Waits for the look that has begun.
  await stage.domains.check('notes', 'cafe.test')
  assert.equal(stage.domains.isVerified('cafe.test'), true)
  assert.equal(stage.domains.get('notes', 'cafe.test').row.verifiedAt, stage.clock)
})

test('a domain stays verified when its DNS changes, and its check tells where it points', async t => {
  const stage = await DomainStage.start(t)
  stage.names.zone.set('cafe.test', here)
  await stage.add('notes', 'cafe.test')
  stage.names.zone.set('cafe.test', { A: ['10.1.2.3'] })
  const { json } = await stage.call('POST', '/v1/apps/notes/domains/cafe.test/check')
  assert.deepEqual([json['state'], json['pointsHere']], ['verified', false])
})

test('another app is refused a domain, and is not told whose it is', async t => {
  const stage = await DomainStage.start(t)
  for (const points of [undefined, here]) {
    if (points) stage.names.zone.set('cafe.test', points)
    await stage.add('notes', 'cafe.test')
    const { status, json } = await stage.add('shop', 'cafe.test')
    assert.deepEqual([status, json['code']], [409, 'domain_taken'])
    assert.doesNotMatch(JSON.stringify(json), /notes/)
  }
  assert.equal((await stage.visit('cafe.test')).text, 'notes cafe.test /')
})

test('who shows by DNS whose a name is gets it from who was only quicker', async t => {
  const stage = await DomainStage.start(t)
  stage.names.zone.set('cafe.test', here)
  await stage.add('notes', 'cafe.test')
  const refused = await stage.add('shop', 'cafe.test')
  const value = /"(dormice=\w+)"/.exec(String(refused.json['detail']))?.[1] ?? ''
  stage.names.zone.set('_dormice.cafe.test', { TXT: [value] })
  const { status, json } = await stage.add('shop', 'cafe.test')
  assert.deepEqual([status, json['state'], json['proof']], [201, 'verified', 'txt'])
  assert.equal((await stage.visit('cafe.test')).text, 'shop cafe.test /')
  assert.deepEqual((await stage.call('GET', '/v1/apps/notes/domains')).json, { domains: [] })
})

test('who has shown a name by DNS keeps it while that stands, or cannot be looked up', async t => {
  const stage = await DomainStage.start(t)
  stage.names.zone.set('cafe.test', { CNAME: 'notes.apps.test' })
  await stage.add('notes', 'cafe.test')
  const value =
    /"(dormice=\w+)"/.exec(String((await stage.add('shop', 'cafe.test')).json['detail']))?.[1] ?? ''
  stage.names.zone.set('_dormice.cafe.test', { TXT: [value] })
  assert.equal((await stage.add('shop', 'cafe.test')).status, 409)
  stage.names.zone.set('cafe.test', 'failing')
  assert.equal((await stage.add('shop', 'cafe.test')).status, 409)
  stage.names.zone.set('cafe.test', { CNAME: 'shop.apps.test' })
  assert.equal((await stage.add('shop', 'cafe.test')).status, 201)
})

test('a name beside another app’s domain is to be shown by DNS, also where it was added before', async t => {
  const stage = await DomainStage.start(t)
  await stage.add('shop', 'www.cafe.test')
  stage.names.zone.set('cafe.test', here)
  await stage.add('notes', 'cafe.test')
  stage.names.zone.set('www.cafe.test', here)
  await stage.domains.check('shop', 'www.cafe.test')
  assert.equal((await stage.visit('www.cafe.test')).status, 404)
  stage.names.zone.set('www.cafe.test', { CNAME: 'shop.apps.test' })
  await stage.domains.check('shop', 'www.cafe.test')
  assert.equal((await stage.visit('www.cafe.test')).text, 'shop www.cafe.test /')
  assert.equal((await stage.visit('cafe.test')).text, 'notes cafe.test /')
})

test('a name that is sent on goes to another app that shows it by DNS, and does not come back', async t => {
  const stage = await DomainStage.start(t)
  for (const name of ['cafe.test', 'www.cafe.test']) stage.names.zone.set(name, here)
  await stage.add('notes', 'cafe.test')
  assert.equal((await stage.add('shop', 'www.cafe.test')).status, 409)
  stage.names.zone.set('www.cafe.test', { CNAME: 'shop.apps.test' })
  assert.equal((await stage.add('shop', 'www.cafe.test')).status, 201)
  assert.equal((await stage.visit('www.cafe.test')).text, 'shop www.cafe.test /')
  stage.domains.remove('shop', 'www.cafe.test')
  assert.equal((await stage.visit('www.cafe.test')).status, 404)
})

test('a domain removed while it is looked at does not come back', async t => {
  const stage = await DomainStage.start(t)
  await stage.add('notes', 'cafe.test')
  stage.names.zone.set('cafe.test', { CNAME: 'notes.apps.test' })
  const check = stage.domains.check('notes', 'cafe.test')
  stage.domains.remove('notes', 'cafe.test')
  await assert.rejects(check, { code: 'unknown_domain' })
  assert.equal(stage.domains.find('cafe.test'), undefined)
})

test('a look that a shutdown overtakes notes nothing', async t => {
  const stage = await DomainStage.start(t)
  await stage.add('notes', 'cafe.test')
  stage.names.zone.set('_dormice.cafe.test', 'silent')
  const check = stage.domains.check('notes', 'cafe.test')
  stage.domains[Symbol.dispose]()
  assert.equal((await check).row.proof, null)
})

test('an app has a bounded number of domains', async t => {
  const stage = await DomainStage.start(t)
  const { domains } = stage.context.store
  const row = { app: 'notes', createdAt: 1, proof: null, verifiedAt: null, twinProof: null }
  for (let n = 0; n < mostDomains - 1; n++) domains.add({ ...row, domain: `n${n}.test` })
  assert.equal((await stage.add('notes', 'last.test')).status, 201)
  const { status, json } = await stage.add('notes', 'more.test')
  assert.deepEqual([status, json['code']], [409, 'too_many_domains'])
  assert.equal((await stage.add('shop', 'more.test')).status, 201)
})
