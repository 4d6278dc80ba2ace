import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DomainStage } from '../domains/fixture.ts'
import { DomainShape } from './shapes.ts'

const list = '/v1/apps/notes/domains'

test('a domain that is added is told with what to make in DNS, and what was found instead', async t => {
  const stage = await DomainStage.start(t)
  stage.names.zone.set('shop.example.com', { CNAME: 'shops.example.net' })
  const { status, json } = await stage.add('notes', 'Shop.Example.com')
  assert.equal(status, 201)
  const twin = stage.domains.find('www.shop.example.com')!.challenge
  const { value, path } = stage.challenge('notes', 'shop.example.com')
  assert.deepEqual(DomainShape.parse(json), {
    domain: 'shop.example.com',
    app: 'notes',
    url: 'http://shop.example.com',
    state: 'pending',
    proof: null,
    createdAt: '2023-11-14T22:13:20.000Z',
    verifiedAt: null,
    target: 'notes.apps.test',
    apex: false,
    records: [
      { purpose: 'both', type: 'CNAME', name: 'shop.example.com', value: 'notes.apps.test' },
      { purpose: 'owner', type: 'TXT', name: '_dormice.shop.example.com', value },
    ],
    file: { url: `http://shop.example.com${path}`, content: value },
    checkedAt: '2023-11-14T22:13:20.000Z',
    pointsHere: false,
    checks: [
      {
        method: 'cname',
        ok: false,
        detail: 'shop.example.com is a CNAME of shops.example.net, not of notes.apps.test',
      },
      { method: 'txt', ok: false, detail: '_dormice.shop.example.com has no TXT record' },
      { method: 'http', ok: false, detail: 'shop.example.com has no address' },
    ],
    nextCheckAt: '2023-11-14T22:13:50.000Z',
    redirectFrom: {
      domain: 'www.shop.example.com',
      state: 'pending',
      proof: null,
      records: [
        { purpose: 'both', type: 'CNAME', name: 'www.shop.example.com', value: 'notes.apps.test' },
        { purpose: 'owner', type: 'TXT', name: '_dormice.www.shop.example.com', value: twin.value },
      ],
      checkedAt: '2023-11-14T22:13:20.000Z',
      pointsHere: false,
      checks: [
        { method: 'cname', ok: false, detail: 'www.shop.example.com has no CNAME' },
        { method: 'txt', ok: false, detail: '_dormice.www.shop.example.com has no TXT record' },
        { method: 'http', ok: false, detail: 'www.shop.example.com has no address' },
      ],
    },
  })
})

test('the top of a zone is to have the addresses of the host’s own names', async t => {
  const stage = await DomainStage.start(t)
  stage.names.zone.set('notes.apps.test', { A: ['192.0.2.1'], AAAA: ['2001:db8::1'] })
  stage.names.zone.set('example.com', { SOA: true })
  const { apex, records } = DomainShape.parse((await stage.add('notes', 'example.com')).json)
  assert.equal(apex, true)
  assert.deepEqual(records.slice(0, 2), [
    { purpose: 'visitors', type: 'A', name: 'example.com', value: '192.0.2.1' },
    { purpose: 'visitors', type: 'AAAA', name: 'example.com', value: '2001:db8::1' },
  ])
  assert.equal(records[2]?.type, 'TXT')
})

test('adding again looks again, and answers 200', async t => {
  const stage = await DomainStage.start(t)
  await stage.add('notes', 'cafe.test')
  stage.names.zone.set('cafe.test', { CNAME: 'notes.apps.test' })
  const { status, json } = await stage.add('notes', 'cafe.test')
  assert.deepEqual([status, json['state']], [200, 'verified'])
})

test('domains are listed by name, of an app and of all', async t => {
  const stage = await DomainStage.start(t)
  await stage.add('notes', 'b.test')
  await stage.add('shop', 'c.test')
  await stage.add('notes', 'a.test')
  const names = async (path: string) =>
    ((await stage.call('GET', path)).json['domains'] as DomainShape[]).map(({ domain, app }) => [domain, app])
  assert.deepEqual(await names(list), [
    ['a.test', 'notes'],
    ['b.test', 'notes'],
  ])
  assert.deepEqual(await names('/v1/domains'), [
    ['a.test', 'notes'],
    ['b.test', 'notes'],
    ['c.test', 'shop'],
  ])
  assert.equal((await stage.call('GET', `${list}/a.test`)).json['domain'], 'a.test')
})

const refused: [method: string, path: string, body: unknown, status: number, code: string][] = [
  ['POST', list, { domain: 'notes.apps.test' }, 400, 'invalid_domain'],
  ['POST', list, { domain: '10.0.0.1' }, 400, 'invalid_domain'],
  ['POST', list, { name: 'cafe.test' }, 400, 'invalid_request'],
  ['POST', '/v1/apps/nobody/domains', { domain: 'cafe.test' }, 404, 'unknown_app'],
  ['GET', '/v1/apps/nobody/domains', undefined, 404, 'unknown_app'],
  ['GET', `${list}/cafe.test`, undefined, 404, 'unknown_domain'],
  ['POST', `${list}/cafe.test/check`, undefined, 404, 'unknown_domain'],
  ['DELETE', `${list}/cafe.test`, undefined, 404, 'unknown_domain'],
  ['DELETE', `${list}/%2e%2e`, undefined, 404, 'unknown_path'],
]
for (const [method, path, body, status, code] of refused) {
  test(`${method} ${path} of ${JSON.stringify(body)} is refused: ${code}`, async t => {
    const stage = await DomainStage.start(t)
    await stage.add('shop', 'cafe.test')
    const answer = await stage.call(method, path, body)
    assert.deepEqual([answer.status, answer.json['code']], [status, code])
  })
}
