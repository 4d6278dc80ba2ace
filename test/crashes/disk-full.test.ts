import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { readConfig } from '../../src/config.ts'
import { type Host, startHost } from '../../src/host.ts'
import { silent } from '../../src/log.ts'
import { runtimeImages } from '../../src/setup/images/runtime-images.ts'
import { Store } from '../../src/store/store.ts'
import { type Answer, TestHost } from '../support/host.ts'
import { deployLedger, ledger, read, write } from '../support/ledger.ts'
import { PrivateEngine } from '../support/private-engine.ts'
import { SmallDisk } from '../support/small-disk.ts'
import { tarOf } from '../support/tar.ts'

const MB = 1_000_000

/** A release that does not fit where `bytes` do not. */
const large = (bytes: number) => tarOf({ 'main.js': ledger, filler: randomBytes(bytes).toString('latin1') })

function assertFull(answer: Answer & { json: any }, whose: RegExp): void {
  assert.deepEqual([answer.status, answer.json.code], [507, 'disk_full'], answer.body)
  assert.match(answer.json.detail, whose)
}

function assertComeBack(answer: Answer): void {
  assert.equal(answer.status, 503, answer.body)
  assert.ok(Number(answer.headers['retry-after']) >= 1)
}

describe('the engine’s disk is full', { skip: PrivateEngine.impossible }, () => {
  let engine: PrivateEngine
  let host: TestHost
  let disk: SmallDisk
  before(async () => {
    engine = await PrivateEngine.start({ disk: 700 })
    disk = engine.disk!
    // One that goes leaves room, and where there is some an app falls asleep.
    host = await TestHost.start({ DORMICE_SANDBOXES: '0' }, { engine })
  })
  afterEach(() => disk.empty())
  after(async () => {
    await host?.[Symbol.asyncDispose]()
    await engine?.[Symbol.asyncDispose]()
  })

  test('an app that cannot be put to sleep keeps its container, answers again, and sleeps once there is room', async () => {
    await deployLedger(host, 'bulky', 'small')
    await write(host, 'bulky', 'x'.repeat(8 * MB))
    const [before] = await host.containers()
    await disk.fill({ leave: 4 * MB })
    assertFull(await host.api('POST', '/v1/apps/bulky/sleep'), /container engine/)
    assert.ok(host.log.some(entry => entry['event'] === 'sleep_failed' && entry['app'] === 'bulky'))
    const [container] = await host.containers()
    assert.equal(container?.Id, before?.Id)
    await write(host, 'bulky', 'meanwhile')
    disk.empty()
    await host.sleep('bulky')
    assert.deepEqual(await host.containers(), [])
    const lengths = (await read(host, 'bulky')).map(line => line.length)
    assert.deepEqual(lengths, [5, 8 * MB, 9])
  })

  test('an app that could not be put to sleep says why', async () => {
    await deployLedger(host, 'telling', 'small')
    await write(host, 'telling', 'x'.repeat(8 * MB))
    await disk.fill({ leave: 4 * MB })
    await host.api('POST', '/v1/apps/telling/sleep')
    const { failure } = (await host.api('GET', '/v1/apps/telling')).json
    assert.match(failure?.message ?? '', /no space left/)
  })

  test('without any room a sleeping app is a 503, and nothing is lost', async () => {
    await deployLedger(host, 'awake', 'before')
    await deployLedger(host, 'asleep', 'before')
    await host.sleep('asleep')
    await disk.fill()
    assertComeBack(await host.visit('asleep'))
    assertFull(await host.api('POST', '/v1/apps/awake/sleep'), /container engine/)
    disk.empty()
    assert.deepEqual(await read(host, 'awake'), ['before'])
    assert.deepEqual(await read(host, 'asleep'), ['before'])
  })

  test('a deploy that does not fit is refused, leaves nothing, and the app is as it was', async () => {
    await deployLedger(host, 'kept', 'before')
    await disk.fill({ leave: 4 * MB })
    const free = disk.free
    const post = async (app: string) =>
      host.api('POST', `/v1/apps/${app}/releases?fresh=true`, await large(20 * MB))
    assertFull(await post('kept'), /container engine/)
    assert.deepEqual(await read(host, 'kept'), ['before'])
    assertFull(await post('first'), /container engine/)
    assert.equal((await host.api('GET', '/v1/apps/first')).status, 404)
    assert.ok(free - disk.free < MB, `${free - disk.free} bytes are left behind`)
    disk.empty()
    assert.equal((await post('kept')).status, 201)
  })
})

describe('the disk of the data folder is full', { skip: PrivateEngine.impossible }, () => {
  let disk: SmallDisk
  let host: TestHost
  before(async () => {
    disk = await SmallDisk.mount(500)
    host = await TestHost.start({}, { data: join(disk.path, 'data') })
  })
  afterEach(() => disk.empty())
  after(async () => {
    await host?.[Symbol.asyncDispose]()
    await disk?.[Symbol.asyncDispose]()
  })

  const set = (app: string) => {
    const value = randomBytes(30_000).toString('hex')
    return host.api('PATCH', `/v1/apps/${app}/env`, { A: value, B: value, C: value, D: value })
  }
  const forget = (app: string) =>
    host.api('PATCH', `/v1/apps/${app}/env`, { A: null, B: null, C: null, D: null })

  /** Fills the disk and writes settings until the database has no room either; the answer that says so. */
  async function fillDatabase(app: string) {
    await disk.fill()
    for (let n = 0; n < 100; n++) {
      const answer = await set(app)
      if (answer.status !== 204) return answer
    }
    throw new Error('there is room for ever')
  }

  test('what needs the database is refused, apps go on, and with room all works again', async () => {
    await deployLedger(host, 'going', 'before')
    assertFull(await fillDatabase('going'), /DORMICE_DATA/)
    await write(host, 'going', 'meanwhile')
    disk.empty()
    assert.equal((await forget('going')).status, 204)
    assert.deepEqual(await read(host, 'going'), ['before', 'meanwhile'])
  })

  test('a sleep that cannot be written down keeps the container, and is done once there is room', async () => {
    await deployLedger(host, 'unwritten', 'before')
    await fillDatabase('unwritten')
    const [before] = (await host.containers()).filter(one => one.Labels['dormice.app'] === 'unwritten')
    assertFull(await host.api('POST', '/v1/apps/unwritten/sleep'), /DORMICE_DATA/)
    const [container] = (await host.containers()).filter(one => one.Labels['dormice.app'] === 'unwritten')
    assert.equal(container?.Id, before?.Id)
    await write(host, 'unwritten', 'meanwhile')
    disk.empty()
    await forget('unwritten')
    await host.sleep('unwritten')
    assert.deepEqual(await read(host, 'unwritten'), ['before', 'meanwhile'])
  })

  test('an upload is refused with a sentence and leaves nothing behind', async () => {
    await disk.fill({ leave: 5 * MB })
    const free = disk.free
    const post = async () => host.api('POST', '/v1/apps/huge/releases', await large(10 * MB))
    assertFull(await post(), /data folder/)
    assert.ok(free - disk.free < MB / 10, `${free - disk.free} bytes are left behind`)
    disk.empty()
    assert.equal((await post()).status, 201)
  })

  test('a host that starts on it ends with one line that says so, and starts once there is room', async () => {
    await host.kill('SIGKILL')
    await disk.fill()
    await assert.rejects(host.boot(), { message: `the host ended with 1:\nerror: ${noRoom(host.data)}` })
    disk.empty()
    await host.boot()
    assert.deepEqual(await read(host, 'unwritten'), ['before', 'meanwhile'])
  })
})

/** What a start is told when the disk is full. */
const noRoom = (data: string) =>
  `the disk of the data folder ${data} has no room left; free some of it and start again`

describe('a start on a disk that is full ends with one sentence, whatever it was about to write', {
  skip: PrivateEngine.impossible,
}, () => {
  let disk: SmallDisk
  before(async () => {
    // From 512 MB on the blocks are as large as SQLite's pages. On a full disk with smaller ones it ends in a SIGBUS.
    disk = await SmallDisk.mount(600)
  })
  afterEach(() => disk.empty())
  after(() => disk?.[Symbol.asyncDispose]())

  function boot(data: string): Promise<Host> {
    const config = readConfig({ DORMICE_LISTEN: '127.0.0.1:0' }, { data })
    return startHost({ config, runtimes: runtimeImages(), caBundle: undefined, log: silent })
  }

  /** KiB that are left, each too little for another step. */
  for (const left of [0, 8, 12, 16, 24, 40, 80]) {
    test(`a first start with ${left} KiB`, async () => {
      const data = join(disk.path, `new-${left}`)
      await disk.fill({ leave: left * 1024 })
      await assert.rejects(boot(data), { message: noRoom(data) })
      disk.empty()
      await using _ = await boot(data)
    })
  }

  for (const left of [0, 8, 12, 40, 60]) {
    test(`a start of a host that has an app, with ${left} KiB`, async () => {
      const data = join(disk.path, `old-${left}`)
      mkdirSync(data)
      {
        using store = new Store(join(data, 'dormice.db'))
        store.createApp('notes', 1)
        store.setEnv('notes', 'KEY', 'hunter2', 1)
      }
      await disk.fill({ leave: left * 1024 })
      await assert.rejects(boot(data), { message: noRoom(data) })
      disk.empty()
      using store = new Store(join(data, 'dormice.db'))
      assert.deepEqual(store.env('notes'), { KEY: 'hunter2' })
    })
  }
})
