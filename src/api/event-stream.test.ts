import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventStream } from './event-stream.ts'
import type { DeployEvent } from './shapes.ts'

const url = 'http://x.localhost'
const release = {
  app: 'x',
  number: 1,
  current: true,
  runtime: 'node',
  createdAt: '2026-01-01T00:00:00.000Z',
  source: { kind: 'image' as const, reference: 'x' },
}

async function read(stream: ReadableStream<Uint8Array>): Promise<{ bytes: number; events: DeployEvent[] }> {
  const text = await new Response(stream).text()
  const events = text
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  return { bytes: text.length, events }
}

test('a client that reads as fast as the build prints gets every line', async () => {
  const stream = eventStream(async send => {
    for (let line = 0; line < 50; line++) {
      send({ log: `${line} ${'x'.repeat(100_000)}` })
      await new Promise(resolve => setImmediate(resolve))
    }
    send({ release, url })
  })
  const { events } = await read(stream)
  assert.equal(events.length, 51)
  assert.deepEqual(events.at(-1), { release, url })
})

test('while nobody reads, lines of the log are left out and counted, and neither steps nor the outcome are', async () => {
  const stream = eventStream(async send => {
    for (let line = 0; line < 100_000; line++) send({ log: `line ${line} ${'x'.repeat(1000)}` })
    send({ step: 'switching', detail: 'release 1' })
    send({ release, url })
  })
  const { bytes, events } = await read(stream)
  assert.ok(bytes < 1.1 * 1024 * 1024, `${bytes} bytes waited`)
  const [note, step, last] = events.slice(-3)
  const shown = events.length - 3
  assert.deepEqual(note, {
    log: `… ${100_000 - shown} lines left out: they came faster than they were read`,
  })
  assert.deepEqual(step, { step: 'switching', detail: 'release 1' })
  assert.deepEqual(last, { release, url })
})

test('what is sent after the reader has gone is dropped', async () => {
  const begun = Promise.withResolvers<void>()
  const finished = Promise.withResolvers<void>()
  const stream = eventStream(async send => {
    send({ log: 'one' })
    await begun.promise
    send({ log: 'two' })
    finished.resolve()
  })
  const reader = stream.getReader()
  await reader.read()
  await reader.cancel()
  begun.resolve()
  await finished.promise
})
