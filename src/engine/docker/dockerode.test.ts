import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { Docker } from './dockerode.ts'

const { cache } = createRequire(import.meta.url)
const isLoaded = (name: string) => Object.keys(cache).some(file => file.includes(`/node_modules/${name}/`))

test('neither gRPC nor SSH is loaded for an engine that is reached by its socket', async () => {
  await assert.rejects(new Docker({ socketPath: '/nowhere/docker.sock' }).ping(), /ENOENT/)
  assert.deepEqual(
    [isLoaded('docker-modem'), isLoaded('@grpc/grpc-js'), isLoaded('ssh2')],
    [true, false, false],
  )
})

test('an engine that is reached by SSH is, as often as it is asked', async t => {
  const before = process.env['DOCKER_HOST']
  t.after(() => {
    if (before === undefined) delete process.env['DOCKER_HOST']
    else process.env['DOCKER_HOST'] = before
  })
  process.env['DOCKER_HOST'] = 'ssh://nobody@127.0.0.1:1'
  const docker = new Docker()
  for (let n = 0; n < 2; n++) await assert.rejects(docker.ping(), /ECONNREFUSED/)
  assert.equal(isLoaded('ssh2'), true)
})
