import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import Docker from 'dockerode'
import { PrivateEngine } from './support/private-engine.ts'

test('an engine of a test’s own leaves the bridge of the machine’s engine alone', {
  skip: PrivateEngine.impossible,
}, async () => {
  const { Options } = await new Docker().getNetwork('bridge').inspect()
  const bridge = `/sys/class/net/${Options?.['com.docker.network.bridge.name']}`
  assert.ok(existsSync(bridge))
  {
    await using _engine = await PrivateEngine.start()
  }
  assert.ok(existsSync(bridge))
})
