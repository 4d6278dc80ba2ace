import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type Docker from 'dockerode'
import { Cgroup } from './cgroup.ts'
import type { Cgroups } from './cgroups.ts'
import { kernel, v1, v2 } from './fake-kernel.ts'
import { Freezer } from './freezer.ts'

const id = 'abc123'

const first = (state: string) => ({
  ...v1(`cgroup/memory/docker/${id}`),
  [`cgroup/freezer/docker/${id}/freezer.state`]: state,
})
const second = (wanted: string, still: string) => ({
  ...v2(`cgroup/docker/${id}`, '0'),
  [`cgroup/docker/${id}/cgroup.freeze`]: wanted,
  [`cgroup/docker/${id}/cgroup.events`]: `populated 1\nfrozen ${still}\n`,
})

/** A freezer of a machine with these files, and what its engine was asked for. */
function freezerOf(t: TestContext, files: Record<string, string>) {
  const { roots, read } = kernel(t, files)
  const asked: string[] = []
  const cgroups = { of: () => Cgroup.usual(id, roots) } as unknown as Cgroups
  return { freezer: new Freezer(engine(asked), cgroups), asked, read }
}

/**
 * A freezer of one container whose cgroup is of the first version.
 *
 * @param state what the kernel says of it
 * @param refused why nothing may be written
 */
function freezerAlone(state: () => string, refused?: string) {
  const asked: string[] = []
  const written: string[] = []
  const cgroup = {
    version: 1,
    read: async () => state(),
    write: async (_: string, __: string, value: string) => {
      if (refused) throw Object.assign(new Error(refused), { code: refused })
      written.push(value)
    },
  }
  const cgroups = { of: async () => cgroup } as unknown as Cgroups
  return { freezer: new Freezer(engine(asked), cgroups), asked, written }
}

/** Notes what it is asked for. */
function engine(asked: string[]): Docker {
  const call = (what: string) => async () => void asked.push(what)
  return { getContainer: () => ({ pause: call('pause'), unpause: call('unpause') }) } as unknown as Docker
}

test('a container is frozen and thawed by the kernel, without its engine', async t => {
  for (const [files, file, frozen, thawed] of [
    [first('THAWED\n'), `cgroup/freezer/docker/${id}/freezer.state`, 'FROZEN', 'THAWED'],
    [second('0\n', '1'), `cgroup/docker/${id}/cgroup.freeze`, '1', '0'],
  ] as const) {
    const { freezer, asked, read } = freezerOf(t, files)
    await freezer.freeze(id)
    assert.equal(read(file), frozen)
    assert.equal(await freezer.isFrozen(id, 'running'), true)
    await freezer.thaw(id)
    assert.equal(read(file), thawed)
    assert.equal(await freezer.isFrozen(id, 'running'), false)
    assert.deepEqual(asked, [])
  }
})

test('one that the kernel does not stop in time goes on there, and its engine is asked', async t => {
  const { freezer, asked, read } = freezerOf(t, second('0\n', '0'))
  await freezer.freeze(id)
  assert.equal(read(`cgroup/docker/${id}/cgroup.freeze`), '0')
  assert.deepEqual(asked, ['pause'])
})

test('where the kernel’s files are not to be had the engine freezes and thaws', async t => {
  for (const files of [{}, v1(`cgroup/memory/docker/${id}`)]) {
    const { freezer, asked } = freezerOf(t, files)
    await freezer.freeze(id)
    assert.equal(await freezer.isFrozen(id, 'paused'), true)
    assert.equal(await freezer.isFrozen(id, 'running'), false)
    await freezer.thaw(id)
    assert.deepEqual(asked, ['pause', 'unpause'])
  }
})

test('one that the kernel is slow to stop is asked for until it stands still', async () => {
  const states = ['FREEZING\n', 'FREEZING\n', 'FROZEN\n']
  const { freezer, asked, written } = freezerAlone(() => states.shift() ?? 'FROZEN\n')
  await freezer.freeze(id)
  assert.deepEqual([written, asked], [['FROZEN', 'FROZEN', 'FROZEN'], []])
})

test('one that this process may see and not let go on is not taken to go on', async () => {
  const { freezer, asked } = freezerAlone(() => 'FROZEN\n', 'EACCES')
  await assert.rejects(freezer.thaw(id), /stays frozen/)
  assert.deepEqual(asked, ['unpause'])
})

test('frozen ones go on while their engine is away, and are frozen again but for those that were asked for', async t => {
  const { freezer, read } = freezerOf(t, first('THAWED\n'))
  const state = () => read(`cgroup/freezer/docker/${id}/freezer.state`)
  await freezer.engineLeft()
  await freezer.engineIsBack()
  assert.equal(state(), 'THAWED\n')
  await freezer.freeze(id)
  await freezer.engineLeft()
  assert.equal(state(), 'THAWED')
  await freezer.engineIsBack()
  assert.equal(state(), 'FROZEN')
  await freezer.engineLeft()
  await freezer.thaw(id)
  await freezer.engineIsBack()
  assert.equal(state(), 'THAWED')
  await freezer.freeze(id)
  await freezer.engineLeft()
  await Promise.all([freezer.engineIsBack(), freezer.thaw(id)])
  assert.equal(state(), 'THAWED')
})

test('one that its engine has paused and that was let go on is frozen again before the engine lets it go on', async t => {
  const { freezer, asked, read } = freezerOf(t, first('FROZEN\n'))
  assert.equal(await freezer.letGo(id), true)
  assert.equal(await freezer.isFrozen(id, 'paused'), false)
  const states: string[] = []
  asked.push = what => states.push(what, read(`cgroup/freezer/docker/${id}/freezer.state`))
  await freezer.unpause(id)
  assert.deepEqual(states, ['unpause', 'FROZEN'])
  assert.equal(await freezer.isFrozen(id, 'running'), false)
})
