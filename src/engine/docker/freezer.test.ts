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
  const docker = {
    getContainer: () => ({
      pause: async () => void asked.push('pause'),
      unpause: async () => void asked.push('unpause'),
    }),
  } as unknown as Docker
  const cgroups = { of: () => Cgroup.usual(id, roots) } as unknown as Cgroups
  return { freezer: new Freezer(docker, cgroups), asked, read }
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

test('one that its engine has paused and that was let go on is frozen again before the engine lets it go on', async t => {
  const { freezer, asked, read } = freezerOf(t, first('FROZEN\n'))
  assert.equal(await freezer.letGo(id), true)
  assert.equal(await freezer.isFrozen(id, 'paused'), false)
  await freezer.unpause(id)
  assert.equal(read(`cgroup/freezer/docker/${id}/freezer.state`), 'FROZEN')
  assert.deepEqual(asked, ['unpause'])
})
