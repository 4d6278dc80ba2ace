import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cgroup } from './cgroup.ts'
import { kernel, v1, v2 } from './fake-kernel.ts'

const id = 'abc123'

test('a group at another place is found by the container’s process', async t => {
  const one = kernel(t, {
    ...v1(`cgroup/memory/elsewhere/${id}`),
    'proc/7/cgroup': `4:memory:/elsewhere/${id}\n1:name=systemd:/elsewhere/${id}\n`,
  })
  assert.equal(await Cgroup.usual(id, one.roots), undefined)
  assert.equal(
    await (await Cgroup.of({ id, pid: 7 }, one.roots))?.read('memory', 'memory.usage_in_bytes'),
    '5000\n',
  )
  const two = kernel(t, {
    ...v2(`cgroup/user.slice/${id}`, 'max'),
    'proc/7/cgroup': `0::/user.slice/${id}\n`,
  })
  assert.equal(await (await Cgroup.of({ id, pid: 7 }, two.roots))?.read('memory', 'memory.current'), '5000\n')
})

test('a process that is not the container’s says nothing of it', async t => {
  const { roots } = kernel(t, { ...v2('cgroup/init.scope', 'max'), 'proc/7/cgroup': '0::/init.scope\n' })
  assert.equal(await Cgroup.of({ id, pid: 7 }, roots), undefined)
  assert.equal(await Cgroup.of({ id, pid: 8 }, roots), undefined)
})
