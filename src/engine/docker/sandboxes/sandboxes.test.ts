import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type Docker from 'dockerode'
import { Sandboxes } from './sandboxes.ts'

type Holder = { Id: string; Names: string[]; State: string; Labels: object; HostConfig: object }

/** An engine that has networks and images, and whose containers only lie there. */
class FakeDocker {
  readonly containers = new Map<string, Holder>()
  /** Waited for before a container is made, and before that is answered. */
  before: Promise<void> | undefined
  after: Promise<void> | undefined
  #ids = 0

  version = async () => ({ Arch: 'amd64', Os: 'linux' })
  listNetworks = async () => [{ Name: 'dormice' }]
  getImage = () => ({ inspect: async () => ({}) })
  listContainers = async () => [...this.containers.values()]

  async createContainer({
    name,
    Labels,
    HostConfig,
  }: Docker.ContainerCreateOptions): Promise<{ id: string }> {
    const after = this.after
    await this.before
    const id = `c${++this.#ids}`
    const holder = { Id: id, Names: [`/${name}`], State: 'running', Labels, HostConfig } as Holder
    this.containers.set(id, holder)
    await after
    return { id }
  }

  getContainer(id: string) {
    const found = () => {
      const container = this.containers.get(id)
      if (!container) throw Object.assign(new Error('no such container'), { statusCode: 404 })
      return container
    }
    return {
      start: async () => void found(),
      remove: async () => void this.containers.delete(found().Id),
      inspect: async () => {
        const { Id, Labels, State, HostConfig } = found()
        return {
          Id,
          Name: '',
          State: { Status: State, Running: State === 'running' },
          Config: { Labels, Image: '' },
          HostConfig,
          NetworkSettings: { Networks: { dormice: { IPAddress: '10.0.0.2' } } },
        }
      },
    }
  }

  /** Somebody else's way to make a container, e.g. one that is in a sandbox. */
  add(id: string, NetworkMode: string): void {
    const Labels = { 'dormice.host': 'host', 'dormice.role': 'instance' }
    this.containers.set(id, {
      Id: id,
      Names: [`/${id}`],
      State: 'running',
      Labels,
      HostConfig: { NetworkMode },
    })
  }
}

function begin(t: TestContext, { max = 1, traces = async () => true } = {}) {
  const docker = new FakeDocker()
  const failures: string[] = []
  const missed: number[] = []
  const sandboxes = new Sandboxes(docker as unknown as Docker, 'host', seccomp, {
    min: 1,
    max,
    failed: what => void failures.push(what),
    missed: count => void missed.push(count),
    hasTraces: traces,
  })
  t.after(() => sandboxes[Symbol.asyncDispose]())
  return { docker, failures, missed, sandboxes, ids: () => [...docker.containers.keys()] }
}

/** Resolves once the condition holds. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await setImmediate()
}

/** What becomes of a call whose connection breaks. */
function lost(): Promise<never> {
  const answer = Promise.reject(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }))
  answer.catch(() => undefined)
  return answer
}

const seccomp = { profile: async () => undefined }
const app = { spoils: false }

test('a sandbox that was made by a call that was given up is removed later', async t => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const { docker, failures, sandboxes, ids } = begin(t)
  docker.after = lost()
  await sandboxes.begin()
  await until(() => failures.length > 0)
  assert.deepEqual([failures, ids()], [['sandbox_not_made'], ['c1']])
  t.mock.timers.tick(60_000)
  await until(() => ids().length === 0)
})

test('none is made beside a start that has one', async t => {
  const { sandboxes, ids } = begin(t, { max: 2 })
  await sandboxes.begin()
  await until(() => sandboxes.counts.ready === 1)
  const started = Promise.withResolvers<{ id: string }>()
  const start = sandboxes.into(() => started.promise, app)
  for (let turn = 0; turn < 50; turn++) await setImmediate()
  assert.deepEqual(ids(), ['c1'])
  started.resolve({ id: 'app' })
  await start
})

test('how many were started without one is told, once', async t => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const { missed, sandboxes } = begin(t)
  await sandboxes.begin()
  await until(() => sandboxes.counts.ready === 1)
  for (const id of ['a', 'b', 'c']) await sandboxes.into(async () => ({ id }), app)
  t.mock.timers.tick(10_000)
  t.mock.timers.tick(10_000)
  assert.deepEqual(missed, [2])
})

test('one that is just being made is not taken for such a one', async t => {
  const { docker, sandboxes, ids } = begin(t)
  const answer = Promise.withResolvers<void>()
  docker.after = answer.promise
  await sandboxes.begin()
  await until(() => ids().length === 1)
  await sandboxes.check()
  answer.resolve()
  await until(() => sandboxes.counts.ready === 1)
  await sandboxes.check()
  assert.deepEqual(ids(), ['c1'])
})

test('neither is one that an instance is being started in, or is in, until that is gone', async t => {
  const { docker, sandboxes, ids } = begin(t)
  await sandboxes.begin()
  await until(() => sandboxes.counts.ready === 1)
  docker.before = lost()
  const started = Promise.withResolvers<{ id: string }>()
  const start = sandboxes.into(() => started.promise, app)
  await sandboxes.check()
  started.resolve({ id: 'app' })
  docker.add('app', 'container:c1')
  await start
  await sandboxes.check()
  assert.deepEqual(ids(), ['c1', 'app'])
  docker.containers.delete('app')
  await sandboxes.check()
  await until(() => ids().length === 0)
})

test('one that an earlier run of the host left with an instance in it stays, and others do not', async t => {
  const { docker, sandboxes, ids } = begin(t, { max: 0 })
  const earlier = new Sandboxes(docker as unknown as Docker, 'host', seccomp, {
    min: 2,
    max: 2,
    failed: assert.fail,
    missed: () => assert.fail(),
  })
  await earlier.begin()
  await until(() => earlier.counts.ready === 2)
  docker.add('app', 'container:c1')
  await sandboxes.check()
  await until(() => ids().length === 2)
  assert.deepEqual(ids(), ['c1', 'app'])
  await earlier[Symbol.asyncDispose]()
})

test('one that could not be removed is removed later', async t => {
  const { docker, failures, sandboxes, ids } = begin(t)
  await sandboxes.begin()
  await until(() => sandboxes.counts.ready === 1)
  docker.before = lost()
  await sandboxes.into(async () => ({ id: 'app' }), app)
  const { getContainer } = docker
  docker.getContainer = id => ({ ...getContainer.call(docker, id), remove: lost })
  sandboxes.left('app')
  await until(() => failures.includes('sandbox_not_removed'))
  docker.getContainer = getContainer
  await sandboxes.check()
  await until(() => ids().length === 0)
})

test('the end waits for the removal of one that an instance has just left', async t => {
  const { docker, sandboxes, ids } = begin(t)
  await sandboxes.begin()
  await until(() => sandboxes.counts.ready === 1)
  await sandboxes.into(async () => ({ id: 'app' }), app)
  const removed = Promise.withResolvers<void>()
  const { getContainer } = docker
  docker.getContainer = id => {
    const container = getContainer.call(docker, id)
    return { ...container, remove: () => removed.promise.then(container.remove) }
  }
  sandboxes.left('app')
  const ended = sandboxes[Symbol.asyncDispose]().then(() => ids())
  await setImmediate()
  removed.resolve()
  assert.deepEqual(await ended, [])
})

test('one whose instance has left is removed once, though the engine tells that it ended', async t => {
  const { docker, sandboxes, ids } = begin(t)
  await sandboxes.begin()
  await until(() => sandboxes.counts.ready === 1)
  docker.before = lost()
  await sandboxes.into(async () => ({ id: 'app' }), app)
  const { getContainer } = docker
  let removals = 0
  docker.getContainer = id => {
    const container = getContainer.call(docker, id)
    const remove = () => {
      if (removals++ === 0) sandboxes.died(id)
      return container.remove()
    }
    return { ...container, remove }
  }
  sandboxes.left('app')
  await until(() => ids().length === 0)
  assert.equal(sandboxes.died('c1'), undefined)
  await sandboxes[Symbol.asyncDispose]()
  assert.equal(removals, 1)
})

test('one that ended while it lay ready, or with an instance in it, is removed', async t => {
  const { docker, sandboxes, ids } = begin(t)
  await sandboxes.begin()
  await until(() => sandboxes.counts.ready === 1)
  docker.before = lost()
  assert.equal(sandboxes.died('c1'), undefined)
  await until(() => ids().length === 0)
  const found = begin(t, { max: 0 })
  found.docker.add('earlier', 'none')
  found.docker.add('app', 'container:earlier')
  await found.sandboxes.begin()
  assert.equal(found.sandboxes.died('earlier'), 'app')
  await until(() => !found.ids().includes('earlier'))
  assert.deepEqual(found.ids(), ['app'])
  // It is gone already when its instance leaves.
  found.docker.getContainer = id => assert.fail(id)
  found.sandboxes.left('app')
})

/** Sandboxes of which the only one is used, and none can be made, so that one is missing. */
async function used(t: TestContext, traces: () => Promise<boolean>) {
  const begun = begin(t, { traces })
  await begun.sandboxes.begin()
  await until(() => begun.sandboxes.counts.ready === 1)
  begun.docker.before = new Promise(() => undefined)
  await begun.sandboxes.into(async () => ({ id: 'app' }), app)
  return begun
}

test('one in which an instance left nothing is the next one’s', async t => {
  const { sandboxes, ids } = await used(t, async () => false)
  sandboxes.left('app')
  await until(() => sandboxes.counts.ready === 1)
  await sandboxes.into(async sandbox => ({ id: `next in ${sandbox?.id}` }), app)
  assert.deepEqual(ids(), ['c1'])
  assert.equal(sandboxes.died('c1'), 'next in c1')
})

test('one that ended while it was looked at for traces is nobody’s', async t => {
  const looked = Promise.withResolvers<boolean>()
  const { sandboxes, ids } = await used(t, () => looked.promise)
  sandboxes.left('app')
  assert.equal(sandboxes.died('c1'), undefined)
  looked.resolve(false)
  await until(() => ids().length === 0)
  assert.equal(sandboxes.counts.ready, 0)
})

test('one whose instance somebody else has removed is not, for visitors may still be sent there', async t => {
  const { sandboxes, ids } = await used(t, async () => false)
  await sandboxes.check()
  await until(() => ids().length === 0)
  assert.equal(sandboxes.counts.ready, 0)
})

test('one that was made an hour ago is not either', async t => {
  const { sandboxes, ids } = await used(t, async () => false)
  const now = performance.now()
  t.mock.method(performance, 'now', () => now + 61 * 60_000)
  sandboxes.left('app')
  await until(() => ids().length === 0)
})

test('the end waits for one that is looked at for traces', async t => {
  const looked = Promise.withResolvers<boolean>()
  const { sandboxes, ids } = await used(t, () => looked.promise)
  sandboxes.left('app')
  const ended = sandboxes[Symbol.asyncDispose]().then(() => ids())
  looked.resolve(false)
  assert.deepEqual(await ended, [])
})
