import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { TestHost } from './support/host.ts'

const MiB = 1024 * 1024

/** Takes more than it may have when it is asked for `/greedy`; `/child` has a child of it do so. */
const greedy = `
import { spawn } from 'node:child_process'
import { once } from 'node:events'
const held = []
const take = 'const held = []; for (;;) held.push(Buffer.alloc(4 * 1024 * 1024, 1))'
export default {
  async fetch(request) {
    const { pathname } = new URL(request.url)
    if (pathname === '/greedy') for (;;) held.push(Buffer.alloc(4 * 1024 * 1024, 1))
    if (pathname !== '/child') return new Response('ok')
    const [code, signal] = await once(spawn(process.execPath, ['-e', take]), 'exit')
    return new Response(String(signal ?? code))
  },
}`

describe('an app with a limit of 96 MB', () => {
  let host: TestHost

  before(async () => {
    host = await TestHost.start({ DORMICE_SLEEP_AFTER: '1h', DORMICE_FREEZE_AFTER: 'off' })
    for (const name of ['parent', 'alone']) {
      await host.deployText(name, 'main.mjs', greedy)
      await host.api('PATCH', `/v1/apps/${name}`, { memory: '96m' })
      await host.sleep(name)
    }
  })
  after(() => host[Symbol.asyncDispose]())

  const overruns = async (name: string) =>
    (await host.api('GET', `/v1/apps/${name}/snapshots`)).json.overruns as Record<string, unknown>[]

  test('that is killed for wanting more reads so in its timeline, with a limit that would fit', async () => {
    await host.visit('alone', '/greedy')
    await host.logged('over_its_limit', 'alone')
    const [first, ...more] = await overruns('alone')
    assert.deepEqual(more, [])
    assert.deepEqual([first?.kind, first?.limit, first?.times], ['killed', 96 * MiB, 1])
    const { memory } = (await host.api('GET', '/v1/apps/alone')).json
    assert.equal(memory.suggested, 144 * MiB)
    assert.equal(memory.peak, 96 * MiB)
  })

  test('of which only a child is killed goes on, and reads the same', async () => {
    assert.equal((await host.visit('parent', '/child')).body, 'SIGKILL')
    await host.logged('over_its_limit', 'parent')
    assert.equal((await overruns('parent'))[0]?.kind, 'killed')
    assert.equal((await host.visit('parent')).body, 'ok')
  })
})
