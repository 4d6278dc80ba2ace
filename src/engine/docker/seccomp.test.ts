import assert from 'node:assert/strict'
import { test } from 'node:test'
import type Docker from 'dockerode'
import { profileOf, Seccomp } from './seccomp.ts'

/** An engine that answers with each of these in turn. */
function engine(...answers: (Record<string, unknown> | Error)[]): Docker {
  const info = async () => {
    const answer = answers.shift() ?? assert.fail('it was asked once more')
    if (answer instanceof Error) throw answer
    return answer
  }
  return { info } as unknown as Docker
}

const builtin = { Architecture: 'x86_64', SecurityOptions: ['name=apparmor', 'name=seccomp,profile=builtin'] }

test('an engine with its own profile is given ours for its machine, and asked once', async () => {
  const seccomp = new Seccomp(engine(builtin))
  assert.equal(await seccomp.profile(), profileOf('SCMP_ARCH_X86_64'))
  assert.equal(await seccomp.profile(), profileOf('SCMP_ARCH_X86_64'))
  const old = { Architecture: 'aarch64', SecurityOptions: ['name=seccomp,profile=default'] }
  assert.equal(await new Seccomp(engine(old)).profile(), profileOf('SCMP_ARCH_AARCH64'))
})

test('a profile that the engine was given stays, and an engine that can use none is given none', async () => {
  for (const SecurityOptions of [['name=seccomp,profile=/etc/docker/seccomp.json'], ['name=apparmor'], null])
    assert.equal(await new Seccomp(engine({ ...builtin, SecurityOptions })).profile(), undefined)
  assert.equal(await new Seccomp(engine({ ...builtin, Architecture: 'riscv64' })).profile(), undefined)
})

test('an engine that could not answer, or may be another one, is asked again', async () => {
  const away = new Error('away')
  const seccomp = new Seccomp(engine(away, builtin, away, { ...builtin, SecurityOptions: [] }))
  await assert.rejects(seccomp.profile())
  assert.notEqual(await seccomp.profile(), undefined)
  await seccomp.refresh()
  assert.notEqual(await seccomp.profile(), undefined)
  await seccomp.refresh()
  assert.equal(await seccomp.profile(), undefined)
})

test('no system call is allowed whose name is there twice, or that makes namespaces, mounts or modules', () => {
  const { syscalls } = JSON.parse(profileOf('SCMP_ARCH_X86_64')) as {
    syscalls: { names: string[]; action: string; args?: unknown }[]
  }
  const names = syscalls
    .filter(({ action, args }) => action === 'SCMP_ACT_ALLOW' && !args)
    .flatMap(it => it.names)
  assert.equal(new Set(names).size, names.length)
  for (const refused of [
    'unshare',
    'setns',
    'clone',
    'clone3',
    'mount',
    'init_module',
    'bpf',
    'socket',
    'keyctl',
  ])
    assert.ok(!names.includes(refused), refused)
})

test('sockets are allowed by their families, and of those no other than programs need', () => {
  type Rule = { names: string[]; args?: { index: number; value: number; op: string }[] }
  const { syscalls } = JSON.parse(profileOf('SCMP_ARCH_X86_64')) as { syscalls: Rule[] }
  const ruled = syscalls.filter(({ names }) => names.includes('socket')).map(({ args }) => args)
  const equal = (value: number) => [{ index: 0, value, op: 'SCMP_CMP_EQ' }]
  assert.deepEqual(ruled, [equal(1), equal(2), equal(10), equal(16)])
})
