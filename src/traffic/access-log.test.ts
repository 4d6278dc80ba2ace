import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silent } from '../log.ts'
import { AccessLog, type Sink } from './access-log.ts'
import { record } from './fixture.ts'

/** A disk that takes what it is given when it is told to. */
class Disk implements Sink {
  readonly written: string[] = []
  readonly asked: PromiseWithResolvers<void>[] = []
  closed = false

  async write(lines: Buffer): Promise<void> {
    const turn = Promise.withResolvers<void>()
    this.asked.push(turn)
    await turn.promise
    this.written.push(String(lines))
  }

  async close(): Promise<void> {
    this.closed = true
  }

  get paths(): string[] {
    return this.written
      .join('')
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line).path)
  }
}

/** A log that says what is warned of. */
function listening() {
  const said: unknown[] = []
  return { said, log: { ...silent, warn: (event: string, fields = {}) => said.push({ event, ...fields }) } }
}

/** Lets what a settled write leads to happen. */
const settled = () => new Promise(resolve => setImmediate(resolve))

test('records are written together, at the next tick', async () => {
  const disk = new Disk()
  const log = new AccessLog(disk, silent)
  for (const path of ['/1', '/2', '/3']) log.add(record({ path }))
  assert.equal(disk.asked.length, 0)
  log.tick()
  assert.equal(disk.asked.length, 1)
  disk.asked[0]!.resolve()
  await settled()
  assert.deepEqual(disk.paths, ['/1', '/2', '/3'])
})

test('many are written before the tick', () => {
  const disk = new Disk()
  const log = new AccessLog(disk, silent)
  for (let i = 0; i < 2000; i++) log.add(record())
  assert.equal(disk.asked.length, 1)
})

test('one write at a time, and none when there is nothing to write', async () => {
  const disk = new Disk()
  const log = new AccessLog(disk, silent)
  log.tick()
  assert.equal(disk.asked.length, 0)
  log.add(record({ path: '/1' }))
  log.tick()
  log.add(record({ path: '/2' }))
  log.tick()
  assert.equal(disk.asked.length, 1)
  disk.asked[0]!.resolve()
  await settled()
  log.tick()
  disk.asked[1]!.resolve()
  await settled()
  assert.deepEqual(disk.paths, ['/1', '/2'])
})

test('what a slow disk cannot take is dropped, counted and told of once a minute', async () => {
  const disk = new Disk()
  const { said, log } = listening()
  let now = 1_000_000
  const access = new AccessLog(disk, log, () => now)
  const path = `/${'x'.repeat(10_000)}`
  for (let i = 0; i < 500; i++) access.add(record({ path }))
  const { dropped } = access
  // Two batches of a mebibyte were room for some two hundred.
  assert.ok(dropped > 280 && dropped < 400, String(dropped))
  access.tick()
  assert.deepEqual(said, [
    { event: 'access_records_dropped', records: dropped, error: 'the disk is too slow' },
  ])
  access.add(record({ path }))
  now += 59_000
  access.tick()
  assert.equal(said.length, 1)
  now += 1_000
  access.tick()
  assert.equal(said.length, 2)
  for (let i = 0; i < 2; i++) {
    disk.asked[i]!.resolve()
    await settled()
    access.tick()
  }
  assert.equal(disk.paths.length, 501 - access.dropped)
})

test('what a full disk does not take is dropped and told of with the reason, and the next is written', async () => {
  const disk = new Disk()
  const { said, log } = listening()
  const access = new AccessLog(disk, log)
  for (const path of ['/1', '/2']) access.add(record({ path }))
  access.tick()
  disk.asked[0]!.reject(new Error('no space left on device'))
  await settled()
  access.add(record({ path: '/3' }))
  access.tick()
  assert.deepEqual(said, [{ event: 'access_records_dropped', records: 2, error: 'no space left on device' }])
  disk.asked[1]!.resolve()
  await settled()
  assert.deepEqual(disk.paths, ['/3'])
})

test('at the end everything is written, and the file closed', async () => {
  const disk = new Disk()
  const { said, log } = listening()
  const access = new AccessLog(disk, log)
  access.add(record({ path: '/1' }))
  access.tick()
  access.add(record({ path: '/2' }))
  const ended = access[Symbol.asyncDispose]()
  disk.asked[0]!.resolve()
  await settled()
  disk.asked[1]!.reject(new Error('gone'))
  await ended
  assert.deepEqual(disk.paths, ['/1'])
  assert.ok(disk.closed)
  assert.deepEqual(said, [{ event: 'access_records_dropped', records: 1, error: 'gone' }])
})
