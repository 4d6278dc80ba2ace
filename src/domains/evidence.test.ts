import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NameServer } from '../../test/support/name-server.ts'
import { type Dns, lookUp } from './evidence.ts'

const target = 'notes.apps.test'
const apps = { [target]: { A: ['192.0.2.1'], AAAA: ['2001:db8::1'] } }

test('what DNS has of a name is found: its alias, its text, its addresses, and the host’s', async () => {
  await using server = await NameServer.start({
    ...apps,
    'shop.example.com': { CNAME: target },
    '_dormice.shop.example.com': { TXT: ['one', 'x'.repeat(300)] },
  })
  assert.deepEqual(await lookUp(server.resolver(), 'shop.example.com', target), {
    txt: ['one', 'x'.repeat(300)],
    aliases: [target],
    addresses: ['192.0.2.1', '2001:db8::1'],
    own: ['192.0.2.1', '2001:db8::1'],
    isApex: false,
  })
})

test('an alias of an alias is followed, in any case, and a circle ends', async () => {
  await using server = await NameServer.start({
    ...apps,
    'shop.example.com': { CNAME: 'www.example.com' },
    'www.example.com': { CNAME: 'Notes.APPS.test' },
    'a.example.com': { CNAME: 'b.example.com' },
    'b.example.com': { CNAME: 'a.example.com' },
  })
  const dns = server.resolver()
  assert.deepEqual((await lookUp(dns, 'shop.example.com', target)).aliases, ['www.example.com', target])
  assert.equal((await lookUp(dns, 'a.example.com', target)).aliases?.length, 4)
})

test('the top of a zone is known by its SOA record', async () => {
  await using server = await NameServer.start({
    ...apps,
    'example.co.uk': { A: ['192.0.2.9'], SOA: true },
    'shop.uk': { A: ['192.0.2.9'] },
  })
  const dns = server.resolver()
  assert.equal((await lookUp(dns, 'example.co.uk', target)).isApex, true)
  assert.equal((await lookUp(dns, 'shop.uk', target)).isApex, false)
})

test('that there is nothing is told from DNS not answering', async () => {
  await using server = await NameServer.start({
    'failing.test': 'failing',
    '_dormice.failing.test': 'silent',
  })
  const dns = server.resolver()
  const nothing = { txt: [], aliases: [], addresses: [], own: [], isApex: false }
  assert.deepEqual(await lookUp(dns, 'nobody.test', target), nothing)
  const unknown = { txt: undefined, aliases: undefined, addresses: undefined, own: [], isApex: true }
  assert.deepEqual(await lookUp(dns, 'failing.test', target), unknown)
})

test('aliases that are told one slowly after the other are not waited for longer than one answer', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const asked: PromiseWithResolvers<string[]>[] = []
  const none = async () => []
  const dns = { resolveTxt: none, resolve4: none, resolve6: none, resolveSoa: () => new Promise(() => {}) }
  const slow = () => {
    asked.push(Promise.withResolvers())
    return asked.at(-1)!.promise
  }
  const evidence = lookUp({ ...dns, resolveCname: slow } as unknown as Dns, 'a.test', target)
  for (const ms of [3_000, 1_900]) {
    t.mock.timers.tick(ms)
    asked.at(-1)!.resolve([`next${asked.length}.test`])
    await new Promise(setImmediate)
  }
  t.mock.timers.tick(100)
  assert.deepEqual((await evidence).aliases, ['next1.test', 'next2.test'])
})

test('what was changed a moment ago is seen', async () => {
  await using server = await NameServer.start(apps)
  const dns = server.resolver()
  for (const value of ['one', 'two']) {
    server.zone.set('_dormice.example.com', { TXT: [value] })
    assert.deepEqual((await lookUp(dns, 'example.com', target)).txt, [value])
  }
})
