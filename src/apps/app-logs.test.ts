import assert from 'node:assert/strict'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { newFolder } from '../../test/support/folder.ts'
import type { LogLine } from '../engine/engine.ts'
import { AppLogs } from './app-logs.ts'

const line = (at: number, text: string, stream: LogLine['stream'] = 'stdout'): LogLine => ({
  at,
  stream,
  text,
})

/** Logs of containers that are given as lists. */
function logsOf(containers: Record<string, LogLine[]>) {
  const folder = newFolder('logs')
  const logs = new AppLogs(folder, {
    async *logs(id) {
      yield* containers[id] ?? []
    },
  })
  return { folder, logs, containers }
}

test('lines of one container after another are kept in order', async () => {
  const { logs } = logsOf({
    aaaaaaaaaaaa1: [line(1, 'one'), line(2, 'two', 'stderr')],
    bbbbbbbbbbbb1: [line(3, 'three')],
  })
  await logs.collect('app', 'aaaaaaaaaaaa1')
  await logs.collect('app', 'bbbbbbbbbbbb1')
  assert.deepEqual(await logs.kept('app'), [line(1, 'one'), line(2, 'two', 'stderr'), line(3, 'three')])
})

test('a container whose log was collected before adds only what is new', async () => {
  const { logs, containers } = logsOf({ aaaaaaaaaaaa1: [line(1, 'one')] })
  await logs.collect('app', 'aaaaaaaaaaaa1')
  containers['aaaaaaaaaaaa1']?.push(line(2, 'two'))
  await logs.collect('app', 'aaaaaaaaaaaa1')
  assert.deepEqual(await logs.kept('app'), [line(1, 'one'), line(2, 'two')])
})

test('tail and since bound what is read', async () => {
  const { logs } = logsOf({ aaaaaaaaaaaa1: [line(1, 'one'), line(2, 'two'), line(3, 'three')] })
  await logs.collect('app', 'aaaaaaaaaaaa1')
  assert.deepEqual(await logs.kept('app', { tail: 1 }), [line(3, 'three')])
  assert.deepEqual(await logs.kept('app', { since: 2 }), [line(2, 'two'), line(3, 'three')])
  assert.deepEqual(await logs.kept('app', { tail: 0 }), [])
})

test('a line that holds what ends lines elsewhere stays one line', async () => {
  const { logs } = logsOf({ aaaaaaaaaaaa1: [line(1, 'progress\r50 %\u2028done')] })
  await logs.collect('app', 'aaaaaaaaaaaa1')
  assert.deepEqual(await logs.kept('app'), [line(1, 'progress 50 % done')])
})

test('a talkative app takes at most two files of 5 MiB, the newest lines among them', async () => {
  const text = 'x'.repeat(1000)
  const { folder, logs } = logsOf({
    aaaaaaaaaaaa1: Array.from({ length: 20_000 }, (_, n) => line(n, `${n} ${text}`)),
  })
  await logs.collect('app', 'aaaaaaaaaaaa1')
  const sizes = readdirSync(folder).map(file => statSync(join(folder, file)).size)
  assert.equal(sizes.length, 2)
  for (const size of sizes) assert.ok(size <= 5 * 1024 * 1024, `${size} bytes`)
  assert.equal((await logs.kept('app')).at(-1)?.at, 19_999)
})

test('forgetting an app leaves no file', async () => {
  const { folder, logs } = logsOf({ aaaaaaaaaaaa1: [line(1, 'one')] })
  await logs.collect('app', 'aaaaaaaaaaaa1')
  await logs.forget('app')
  assert.deepEqual(readdirSync(folder), [])
})
