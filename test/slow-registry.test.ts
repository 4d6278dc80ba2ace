import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { TestHost } from './support/host.ts'

test('a registry that does not answer ends the deploy in the time of a build', async t => {
  const asked: string[] = []
  const registry = createServer(socket => {
    socket.on('error', () => undefined)
    socket.once('data', data => asked.push(String(data).split('\r\n', 1)[0] ?? ''))
  })
  registry.listen(0, '127.0.0.1')
  await once(registry, 'listening')
  const { port } = registry.address() as { port: number }
  await using host = await TestHost.start({ DORMICE_BUILD_TIMEOUT: '2s' })
  t.after(() => registry.close())

  // More than may build at once: the third has its turn when one of the first is given up.
  const deploys = ['one', 'two', 'three'].map(app =>
    host.api('POST', `/v1/apps/${app}/releases`, { image: `127.0.0.1:${port}/${app}` }),
  )
  for (const { status, json } of await Promise.all(deploys)) {
    assert.equal(status, 422)
    assert.equal(json.code, 'build_timeout')
  }
  assert.ok(asked.length > 0, 'the engine asked the registry')
})
