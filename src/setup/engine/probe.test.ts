import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { comparesFiles } from './probe.ts'

async function engineSaying(t: TestContext, info: unknown): Promise<string> {
  const server = createServer((_, res) => res.end(JSON.stringify(info))).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('an engine that cannot have overlayfs tell what changed is known by its own words', async t => {
  const says = (value: string) =>
    engineSaying(t, {
      DriverStatus: [
        ['Backing Filesystem', 'extfs'],
        ['Native Overlay Diff', value],
      ],
    })
  assert.equal(await comparesFiles(await says('false'), 1000), true)
  assert.equal(await comparesFiles(await says('true'), 1000), false)
})

test('an engine that says nothing of it, such as one with the containerd image store, is taken as it is', async t => {
  assert.equal(await comparesFiles(await engineSaying(t, { DriverStatus: null }), 1000), false)
})
