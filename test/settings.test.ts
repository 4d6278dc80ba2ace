import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { TestHost } from './support/host.ts'

/** An app that answers with the limits that its kernel holds it to, by cgroup v2 or v1. */
const held = `
import { readFileSync } from 'node:fs'
const read = (...files) => {
  for (const file of files) try { return readFileSync('/sys/fs/cgroup/' + file, 'utf8').trim() } catch {}
}
export default { fetch: () => {
  const [quota, period] = (read('cpu.max') ??
    read('cpu/cpu.cfs_quota_us') + ' ' + read('cpu/cpu.cfs_period_us')).split(' ')
  return Response.json({
    memory: Number(read('memory.max', 'memory/memory.limit_in_bytes')),
    cpu: quota / period,
    pids: Number(read('pids.max', 'pids/pids.max')),
  })
} }`

const MiB = 1024 * 1024

describe('limits of an app', () => {
  let host: TestHost
  before(async () => {
    host = await TestHost.start({ DORMICE_SLEEP_AFTER: '1h' })
    await host.deployText('bounded', 'main.js', held)
  })
  after(() => host?.[Symbol.asyncDispose]())

  const limits = async () => JSON.parse((await host.visit('bounded')).body)
  const pending = async () => (await host.api('GET', '/v1/apps/bounded')).json.pendingSettings
  const set = async (settings: object) => {
    const answer = await host.api('PATCH', '/v1/apps/bounded', settings)
    assert.equal(answer.status, 200, answer.body)
    return answer.json.pendingSettings
  }

  test('that change while it sleeps apply at its next wake', async () => {
    assert.deepEqual(await limits(), { memory: 256 * MiB, cpu: 1, pids: 256 })
    await host.sleep('bounded')
    assert.deepEqual(await set({ memory: '96m', cpu: 0.5, pids: 64 }), [])
    assert.deepEqual(await limits(), { memory: 96 * MiB, cpu: 0.5, pids: 64 })
  })

  test('that change while it is awake are pending, and apply at its next wake too', async () => {
    const before = await limits()
    assert.deepEqual(await set({ memory: '128m', cpu: 0.25, pids: 100 }), ['memory', 'cpu', 'pids'])
    assert.deepEqual(await limits(), before)
    await host.sleep('bounded')
    assert.deepEqual(await limits(), { memory: 128 * MiB, cpu: 0.25, pids: 100 })
    assert.deepEqual(await pending(), [])
  })

  test('that change while it is awake apply with a restart', async () => {
    await limits()
    assert.deepEqual(await set({ memory: null, pids: 128 }), ['memory', 'pids'])
    assert.equal((await host.api('POST', '/v1/apps/bounded/restart')).status, 200)
    assert.deepEqual(await limits(), { memory: 256 * MiB, cpu: 0.25, pids: 128 })
    assert.deepEqual(await pending(), [])
  })

  test('are known to a host that goes on with the app, and what changed is still pending', async () => {
    await limits()
    assert.deepEqual(await set({ cpu: 0.3 }), ['cpu'])
    await host.kill('SIGKILL')
    await host.boot()
    await host.until('bounded', 'awake')
    assert.deepEqual(await pending(), ['cpu'])
    assert.equal((await limits()).cpu, 0.25)
    await host.sleep('bounded')
    assert.equal((await limits()).cpu, 0.3)
  })
})
