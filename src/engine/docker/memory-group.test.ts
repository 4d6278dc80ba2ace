import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cgroup, type Roots } from './cgroup.ts'
import { kernel, v1, v2 } from './fake-kernel.ts'
import { MemoryGroup } from './memory-group.ts'

const id = 'abc123'

const unasked = () => assert.fail('it says itself what it is')

async function usual(roots: Roots): Promise<MemoryGroup | undefined> {
  const cgroup = await Cgroup.usual(id, roots)
  return cgroup && new MemoryGroup(cgroup)
}

test('what a container has in memory is told without files that were read long ago', async t => {
  for (const files of [
    v1(`cgroup/memory/docker/${id}`),
    v1(`cgroup/memory/system.slice/docker-${id}.scope`),
    v2(`cgroup/docker/${id}`, '0'),
    v2(`cgroup/system.slice/docker-${id}.scope`, '0'),
  ]) {
    const { roots } = kernel(t, files)
    assert.equal(await (await usual(roots))?.resident(), 3000)
  }
})

test('memory is given back by the first version of the controller as it is', async t => {
  const folder = `cgroup/memory/docker/${id}`
  const { roots, read } = kernel(t, v1(folder))
  await (await usual(roots))?.reclaim(new AbortController().signal, unasked)
  assert.equal(read(`${folder}/memory.force_empty`), '0')
})

test('by the second one it may go to swap while it is frozen, and no more once it goes on', async t => {
  const folder = `cgroup/docker/${id}`
  const { roots, read } = kernel(t, v2(folder, '0'))
  const group = await usual(roots)
  await group?.reclaim(new AbortController().signal, unasked)
  assert.deepEqual([read(`${folder}/memory.reclaim`), read(`${folder}/memory.swap.max`)], ['5000', 'max'])
  await group?.reclaim(new AbortController().signal, unasked)
  await group?.restore(unasked)
  assert.equal(read(`${folder}/memory.swap.max`), '0')
})

test('one that goes on meanwhile is asked for no more, and has its swap limit', async t => {
  const folder = `cgroup/docker/${id}`
  const { roots, read } = kernel(t, v2(folder, '0'))
  const group = await usual(roots)
  await group?.reclaim(AbortSignal.abort(), unasked)
  assert.deepEqual([read(`${folder}/memory.reclaim`), read(`${folder}/memory.swap.max`)], ['', '0\n'])
  const thawed = new AbortController()
  const reclaiming = group?.reclaim(thawed.signal, unasked)
  thawed.abort()
  await Promise.all([group?.restore(unasked), reclaiming])
  assert.equal(read(`${folder}/memory.swap.max`), '0')
})

test('a swap limit that an earlier run of the host has raised is put back to what it was made to be', async t => {
  const folder = `cgroup/docker/${id}`
  for (const reclaimed of [false, true]) {
    const { roots, read } = kernel(t, v2(folder, 'max'))
    const group = await usual(roots)
    if (reclaimed) await group?.reclaim(new AbortController().signal, async () => '4096')
    assert.match(read(`${folder}/memory.swap.max`), /^max/)
    await group?.restore(async () => '4096')
    assert.equal(read(`${folder}/memory.swap.max`), '4096')
  }
})

test('swap that is not limited stays so', async t => {
  const folder = `cgroup/docker/${id}`
  const { roots, read } = kernel(t, v2(folder, 'max'))
  const group = await usual(roots)
  await group?.reclaim(new AbortController().signal, async () => 'max')
  await group?.restore(async () => 'max')
  assert.equal(read(`${folder}/memory.swap.max`), 'max\n')
})

test('swap that the kernel does not count is left alone', async t => {
  const folder = `cgroup/docker/${id}`
  const { [`${folder}/memory.swap.max`]: _, ...files } = v2(folder, '')
  const { roots, read } = kernel(t, files)
  const group = await usual(roots)
  await group?.reclaim(new AbortController().signal, unasked)
  await group?.restore(unasked)
  assert.throws(() => read(`${folder}/memory.swap.max`), { code: 'ENOENT' })
})

test('how often a container has hit its limit is told', async t => {
  const one = kernel(t, {
    ...v1(`cgroup/memory/docker/${id}`),
    [`cgroup/memory/docker/${id}/memory.failcnt`]: '12\n',
  })
  assert.equal(await (await usual(one.roots))?.limitHits(), 12)
  const two = kernel(t, {
    ...v2(`cgroup/docker/${id}`, '0'),
    [`cgroup/docker/${id}/memory.events`]: 'low 0\nhigh 0\nmax 34\noom 1\noom_kill 1\n',
  })
  assert.equal(await (await usual(two.roots))?.limitHits(), 34)
})
