import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { silent } from '../../log.ts'
import { AutoCertificates } from './auto.ts'
import { pauseAfter } from './failures.ts'
import { selfSigned } from './self-signed.ts'

const DAY = 24 * 3_600_000

/** A CA moved by hand, a host that serves what is in `served`, and a clock. */
class World {
  now = Date.now()
  readonly served = new Set(['app.test'])
  /** Names asked for, in order. */
  readonly asked: string[] = []
  /** Lifetime of what is issued, ms. */
  lifetime = 90 * DAY
  /** What the CA says no with. */
  refusal: string | undefined
  /** Resolves before the CA answers. */
  gate: Promise<void> | undefined
  readonly folder: string
  readonly #t: TestContext

  constructor(t: TestContext) {
    this.#t = t
    this.folder = mkdtempSync(join(tmpdir(), 'dormice-tls-'))
    t.after(() => rmSync(this.folder, { recursive: true, force: true }))
  }

  /** A host's certificates; like after a restart when called again. */
  async start(): Promise<AutoCertificates> {
    const certificates = new AutoCertificates({
      folder: this.folder,
      log: silent,
      now: () => this.now,
      serves: host => this.served.has(host),
      challenge: () => undefined,
      issue: async name => {
        this.asked.push(name)
        await this.gate
        if (this.refusal !== undefined) throw new Error(this.refusal)
        return selfSigned({ names: [name], notBefore: this.now, notAfter: this.now + this.lifetime })
      },
    })
    this.#t.after(() => certificates[Symbol.asyncDispose]())
    await certificates.load()
    return certificates
  }
}

test('the first visit to a host obtains its certificate, which later ones share', async t => {
  const world = new World(t)
  const certificates = await world.start()
  const [one, other] = await Promise.all([certificates.find('app.test'), certificates.find('app.test')])
  assert.deepEqual(one?.names, ['app.test'])
  assert.equal(one, other)
  assert.equal(await certificates.find('app.test'), one)
  assert.deepEqual(world.asked, ['app.test'])
})

test('visitors are sent to a host unless its certificate has failed and there is none from before', async t => {
  const world = new World(t)
  const certificates = await world.start()
  assert.equal(certificates.offers('app.test'), true)
  world.refusal = 'no'
  await certificates.find('app.test')
  assert.equal(certificates.offers('app.test'), false)
  world.now = certificates.status().failures[0]?.retryAt ?? 0
  assert.equal(certificates.offers('app.test'), true)
  world.refusal = undefined
  await certificates.find('app.test')
  world.now += world.lifetime
  world.refusal = 'no'
  await certificates.find('app.test')
  assert.equal(certificates.offers('app.test'), true)
})

test('nothing is asked of the CA for a host that is not served here, nor for what is no host name', async t => {
  const world = new World(t)
  world.served.add('../escape')
  const certificates = await world.start()
  assert.equal(await certificates.find('other.test'), undefined)
  assert.equal(await certificates.find(''), undefined)
  assert.equal(await certificates.find('../escape'), undefined)
  assert.deepEqual(world.asked, [])
})

test('certificates and keys are kept across restarts, in files of this user alone', async t => {
  const world = new World(t)
  const first = await (await world.start()).find('app.test')
  const again = await (await world.start()).find('app.test')
  assert.equal(again?.chain.trim(), first?.chain.trim())
  assert.deepEqual(world.asked, ['app.test'])
  const folder = join(world.folder, 'certificates')
  assert.deepEqual(readdirSync(folder), ['app.test.pem'])
  assert.equal(statSync(join(folder, 'app.test.pem')).mode & 0o777, 0o600)
  assert.equal(statSync(folder).mode & 0o777, 0o700)
})

test('a certificate is renewed after two thirds of its lifetime, and served meanwhile', async t => {
  const world = new World(t)
  const certificates = await world.start()
  const first = await certificates.find('app.test')
  world.now += 59 * DAY
  await certificates.look()
  assert.equal(world.asked.length, 1)
  world.now += 2 * DAY
  const gate = Promise.withResolvers<void>()
  world.gate = gate.promise
  const renewed = certificates.look()
  assert.equal(certificates.find('app.test'), first)
  gate.resolve()
  await renewed
  assert.equal(world.asked.length, 2)
  assert.notEqual(certificates.find('app.test'), first)
})

test('a certificate that cannot be renewed stays, even when it has expired, and the status says why', async t => {
  const world = new World(t)
  const certificates = await world.start()
  const first = await certificates.find('app.test')
  world.refusal = 'too many certificates'
  world.now += 61 * DAY
  await certificates.look()
  assert.equal(await certificates.find('app.test'), first)
  world.now += 30 * DAY
  assert.equal(await certificates.find('app.test'), first)
  const [failure] = certificates.status().failures
  assert.equal(failure?.subject, 'app.test')
  assert.equal(failure?.detail, 'too many certificates')
  assert.equal(failure?.notAfter, first?.notAfter)
  world.refusal = undefined
  world.now = (failure?.retryAt ?? 0) + DAY
  assert.notEqual(await certificates.find('app.test'), first)
  assert.deepEqual(certificates.status().failures, [])
})

test('a name that fails is tried again later and later, and a restart does not change that', async t => {
  const world = new World(t)
  world.refusal = 'no such name in the DNS'
  let certificates = await world.start()
  assert.equal(await certificates.find('app.test'), undefined)
  world.now += pauseAfter(1) - 1
  assert.equal(await certificates.find('app.test'), undefined)
  assert.equal(world.asked.length, 1)
  world.now += 1
  assert.equal(await certificates.find('app.test'), undefined)
  assert.equal(world.asked.length, 2)
  world.now += pauseAfter(1)
  await certificates[Symbol.asyncDispose]()
  certificates = await world.start()
  assert.equal(await certificates.find('app.test'), undefined)
  assert.equal(world.asked.length, 2)
  world.now += pauseAfter(2)
  world.refusal = undefined
  assert.ok(await certificates.find('app.test'))
})

test('pauses stay within what public CAs allow: at most five attempts in an hour, at least four a day', () => {
  let at = 0
  const attempts = Array.from({ length: 20 }, (_, before) => {
    at += before === 0 ? 0 : pauseAfter(before)
    return at
  })
  assert.ok(attempts.filter(time => time < 3_600_000).length <= 5)
  assert.ok(pauseAfter(1000) <= 6 * 3_600_000)
})

test('only a few orders are under way at once', async t => {
  const world = new World(t)
  const names = Array.from({ length: 20 }, (_, i) => `app${i}.test`)
  for (const name of names) world.served.add(name)
  const gate = Promise.withResolvers<void>()
  world.gate = gate.promise
  const certificates = await world.start()
  const all = names.map(name => certificates.find(name))
  await new Promise(resolve => setImmediate(resolve))
  assert.equal(world.asked.length, 4)
  gate.resolve()
  assert.ok((await Promise.all(all)).every(found => found))
})

test('a host that is not served any more is not renewed, and forgotten once its certificate has expired', async t => {
  const world = new World(t)
  const certificates = await world.start()
  await certificates.find('app.test')
  world.served.clear()
  world.now += 61 * DAY
  await certificates.look()
  assert.equal(certificates.status().certificates.length, 1)
  world.now += 30 * DAY
  await certificates.look()
  assert.equal(world.asked.length, 1)
  assert.deepEqual(certificates.status().certificates, [])
  assert.deepEqual(readdirSync(join(world.folder, 'certificates')), [])
})

test('a certificate file that cannot be read is replaced by another certificate', async t => {
  const world = new World(t)
  await (await world.start()).find('app.test')
  writeFileSync(join(world.folder, 'certificates', 'app.test.pem'), 'not a certificate')
  const certificates = await world.start()
  assert.ok(await certificates.find('app.test'))
  assert.equal(world.asked.length, 2)
})

test('an order that a shutdown breaks off does not count against its name', async t => {
  const world = new World(t)
  const gate = Promise.withResolvers<void>()
  world.gate = gate.promise
  const certificates = await world.start()
  const found = certificates.find('app.test')
  await new Promise(resolve => setImmediate(resolve))
  assert.equal(world.asked.length, 1)
  const closed = certificates[Symbol.asyncDispose]()
  gate.reject(new Error('aborted'))
  assert.equal(await found, undefined)
  await closed
  assert.deepEqual(certificates.status().failures, [])
})

test('a name that fails for long is not held back for longer because the clock was set back', async t => {
  const world = new World(t)
  world.refusal = 'no'
  const certificates = await world.start()
  for (let times = 1; times <= 3; times++) {
    await certificates.find('app.test')
    world.now += 30 * DAY
  }
  await certificates.find('app.test')
  world.now -= 60 * DAY
  await certificates.find('app.test')
  assert.equal(world.asked.length, 5)
})

test('a certificate that is over as it is issued is served, told, and not ordered with every visit', async t => {
  const world = new World(t)
  world.lifetime = 0
  const certificates = await world.start()
  assert.ok(await certificates.find('app.test'))
  assert.ok(await certificates.find('app.test'))
  await certificates.look()
  assert.equal(world.asked.length, 1)
  assert.match(certificates.status().failures[0]?.detail ?? '', /is the clock of this machine right/)
})

test('a certificate that cannot be written is served all the same', async t => {
  const world = new World(t)
  const certificates = await world.start()
  writeFileSync(join(world.folder, 'certificates'), 'in its place')
  assert.ok(await certificates.find('app.test'))
  assert.equal(certificates.status().failures.length, 1)
})
