import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import Docker from 'dockerode'
import { TestHost } from './support/host.ts'

const docker = new Docker()

/** An app that listens so many ms after it started. */
const app = (says: string, after: number) => `
const { createServer } = require('node:http')
setTimeout(() => createServer((_, answer) => answer.end('${says}')).listen(process.env.PORT), ${after})
`
const fast = (says: string) => app(says, 0)
/** It can be removed before it listens, also on a busy machine. */
const slow = (says: string) => app(says, 3000)

describe('an app whose container somebody removes (docker rm -f)', () => {
  let host: TestHost
  before(async () => {
    host = await TestHost.start()
  })
  after(() => host[Symbol.asyncDispose]())

  /** Id of an app's container once it runs and is not that one. */
  async function running(app: string, other?: string): Promise<string> {
    for (;;) {
      const found = (await host.containers()).find(
        one => one.Labels['dormice.app'] === app && one.State === 'running' && one.Id !== other,
      )
      if (found) return found.Id
      await sleep(10)
    }
  }

  const remove = (container: string) => docker.getContainer(container).remove({ force: true })

  test('as it wakes is started once more, and its visitor does not notice', async () => {
    await host.deployText('woken', 'main.js', slow('here'))
    await host.sleep('woken')
    const answer = host.visit('woken')
    await remove(await running('woken'))
    assert.equal((await answer).body, 'here')
    assert.equal((await host.api('GET', '/v1/apps/woken')).json.failure, null)
  })

  test('as a new release is tried is started once more, and the deploy succeeds', async () => {
    await host.deployText('tried', 'main.js', fast('old'))
    const old = await running('tried')
    const deployed = host.deployText('tried', 'main.js', slow('new'))
    await remove(await running('tried', old))
    await deployed
    assert.equal((await host.visit('tried')).body, 'new')
  })

  test('as it runs has not crashed', async () => {
    await host.deployText('ran', 'main.js', fast('here'))
    await remove(await running('ran'))
    await host.until('ran', 'asleep')
    assert.equal((await host.api('GET', '/v1/apps/ran')).json.failure, null)
  })
})
