import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import Docker from 'dockerode'
import { PrivateEngine } from './support/private-engine.ts'

test('an engine of a test’s own leaves the bridge of the machine’s engine alone', {
  skip: PrivateEngine.impossible,
}, async t => {
  const { Options } = await new Docker().getNetwork('bridge').inspect()
  const bridge = `/sys/class/net/${Options?.['com.docker.network.bridge.name']}`
  if (!existsSync(bridge)) return t.skip('the machine’s engine has none')
  {
    await using engine = await PrivateEngine.start()
    // What it did before is what it finds then.
    await engine.stop()
    await engine.start()
  }
  assert.ok(existsSync(bridge))
})
