import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, beforeEach, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import Docker from 'dockerode'
import { Sandboxes } from '../src/engine/docker/sandboxes/sandboxes.ts'
import { containerOptions, type Sandbox } from '../src/engine/docker/spec.ts'
import { runtimeImages } from '../src/setup/images/runtime-images.ts'
import { removeAllOf } from './support/cleanup.ts'

const docker = new Docker()
const host = randomBytes(6).toString('hex')
const confined = { spoils: false }
const quiet = 'process.exit()'
/** Opens a connection itself. */
const asking = `
  const server = require('node:net').createServer(socket => socket.end()).listen(8080, () => {
    require('node:net').connect(8080, '127.0.0.1').resume().on('close', () => server.close())
  })`
/** Is asked, and closes the connection first, which the kernel remembers for a minute. */
const answering = `
  const server = require('node:net').createServer(socket => {
    socket.resume().end()
    server.close()
  }).listen(8080)`

/** Fails if it can change what does not go with it. */
const meddling = `
  const { appendFileSync } = require('node:fs')
  const shared = ['/etc/hosts', '/etc/hostname', '/etc/resolv.conf', '/proc/sys/net/ipv4/ip_local_port_range']
  for (const file of shared) {
    try { appendFileSync(file, '1024 2048') } catch ({ code }) {
      if (['EACCES', 'EPERM', 'EROFS'].includes(code)) continue
    }
    process.exit(7)
  }`

/** Runs a program in a sandbox until it ends well, and removes it. @returns the sandbox */
async function runs(sandboxes: Sandboxes, program: string, options = confined): Promise<Sandbox> {
  const { id, sandbox } = await sandboxes.into(async sandbox => {
    assert.ok(sandbox !== undefined, 'none was ready')
    const container = await docker.createContainer(
      containerOptions(
        {
          name: `dormice-${host}-${randomBytes(4).toString('hex')}`,
          image: runtimeImages().node,
          labels: { host, role: 'instance', app: 'app', generation: 1, release: 1 },
          command: ['node', '-e', program],
          env: {},
          limits: { memory: 128 * 2 ** 20, cpu: 1, pids: 64, tmp: 2 ** 20 },
          confinement: 'confined',
          grace: 1,
        },
        sandbox,
      ),
    )
    await container.start()
    return { id: container.id, sandbox }
  }, options)
  if (program === answering) await isAsked(sandbox.address)
  const container = docker.getContainer(id)
  assert.equal((await container.wait()).StatusCode, 0)
  await container.remove()
  sandboxes.left(id)
  return sandbox
}

/** Resolves once somebody there has accepted a connection and closed it. */
async function isAsked(host: string): Promise<void> {
  for (;;) {
    const socket = connect({ host, port: 8080 }).resume()
    const accepted = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    if (accepted) return void (await once(socket, 'close'))
    await sleep(20)
  }
}

/** Resolves once so many lie ready. */
async function untilReady(sandboxes: Sandboxes, count: number): Promise<void> {
  const late = AbortSignal.timeout(30_000)
  while (sandboxes.counts.ready !== count) await sleep(20, undefined, { signal: late })
}

describe('the sandbox of an instance that has left', () => {
  let sandboxes: Sandboxes
  /** Lets others be made; until then none is, for something starts. */
  let goesOn: () => void
  before(async () => {
    sandboxes = new Sandboxes(
      docker,
      host,
      { profile: async () => undefined },
      {
        min: 2,
        max: 2,
        failed: (what, error) => assert.fail(`${what}: ${error}`),
        missed: () => undefined,
      },
    )
    await sandboxes.begin()
  })
  beforeEach(async () => {
    await untilReady(sandboxes, 2)
    const started = Promise.withResolvers<{ id: string }>()
    void sandboxes.into(() => started.promise, confined)
    goesOn = () => started.resolve({ id: 'another' })
    assert.equal(sandboxes.counts.ready, 1)
  })
  after(async () => {
    await sandboxes[Symbol.asyncDispose]()
    await removeAllOf(host)
  })

  test('is the next one’s when nothing was left in it', async () => {
    const used = await runs(sandboxes, quiet)
    await untilReady(sandboxes, 1)
    assert.equal((await runs(sandboxes, quiet)).id, used.id)
    goesOn()
  })

  test('is as it was, whatever a confined app tries', async () => {
    const used = await runs(sandboxes, meddling)
    await untilReady(sandboxes, 1)
    assert.equal((await runs(sandboxes, quiet)).id, used.id)
    goesOn()
  })

  for (const [what, program] of [
    ['while the kernel remembers a connection that it had', answering],
    ['when it opened a connection itself', asking],
  ] as const) {
    test(`goes with it ${what}`, async () => {
      const used = await runs(sandboxes, program)
      goesOn()
      await untilReady(sandboxes, 2)
      assert.equal(await exists(used), false)
    })
  }

  test('goes with it when it may have changed what is not its own', async () => {
    const used = await runs(sandboxes, quiet, { spoils: true })
    goesOn()
    await untilReady(sandboxes, 2)
    assert.equal(await exists(used), false)
  })
})

async function exists({ id }: Sandbox): Promise<boolean> {
  const all = await docker.listContainers({ all: true, filters: { label: [`dormice.host=${host}`] } })
  return all.some(({ Id }) => Id === id)
}
