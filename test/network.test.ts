import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, test } from 'node:test'
import Docker from 'dockerode'
import { ensureNetwork } from '../src/engine/docker/network.ts'

const docker = new Docker()
const name = `dormice-test-${randomBytes(4).toString('hex')}`
const found = async () =>
  (await docker.listNetworks({ filters: { name: [name] } })).filter(network => network.Name === name)

after(async () => {
  for (const { Id } of await found()) await docker.getNetwork(Id).remove()
})

test('all who need a network on a fresh engine at the same moment get one and the same', async () => {
  await Promise.all(Array.from({ length: 8 }, () => ensureNetwork(docker, name)))
  assert.equal((await found()).length, 1)
  await ensureNetwork(docker, name)
  assert.equal((await found()).length, 1)
})
