import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import type { Apps } from '../apps/apps.ts'
import type { Context } from '../apps/context.ts'
import { unknownApp } from '../apps/problems.ts'
import { silent } from '../log.ts'
import { Store } from '../store/store.ts'
import { envRoutes } from './env.ts'
import { problemHandler } from './problems.ts'
import type { Services } from './services.ts'

const folder = mkdtempSync(join(tmpdir(), 'dormice-env-'))
const store = new Store(join(folder, 'dormice.db'))
after(() => {
  store[Symbol.dispose]()
  rmSync(folder, { recursive: true })
})
beforeEach(() => {
  store.removeApp('notes')
  store.createApp('notes', 1)
  store.changeEnv('notes', { OLD: 'old', KEPT: 'kept' }, 1)
})

const get = (name: string) => {
  if (store.app(name)) return { name }
  throw unknownApp(name)
}
const context = { store, now: () => 2 } as Partial<Context> as Context
const routes = envRoutes({ context, apps: { get } as Partial<Apps> as Apps } as Services)
routes.onError(problemHandler(silent))

async function call(method: string, path: string, body?: unknown) {
  const answer = await routes.request(path, {
    method,
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  })
  return { status: answer.status, text: await answer.text() }
}

const env = '/v1/apps/notes/env'

test('several variables are set and removed in one call, the others stay', async () => {
  const { status } = await call('PATCH', env, { OLD: null, A: '1', B: '' })
  assert.equal(status, 204)
  assert.deepEqual(store.env('notes'), { A: '1', B: '', KEPT: 'kept' })
})

test('one that is refused leaves all as they were, and what was sent is not said back', async () => {
  const refused: [unknown, RegExp][] = [
    [{ A: '1', B: 'hunter2'.padEnd(65 * 1024, 'x') }, /the value of B cannot be set; accepted: up to 65536/],
    [{ A: '1', B: 'hunter2\0' }, /the value of B cannot be set/],
    [{ A: '1', B: { hunter2: 'hunter2' } }, /B: accepted: text, or null/],
    [{ A: '1', 'hunter2!': 'B' }, /a variable’s name is not accepted; accepted: letters/],
    [{ A: '1', 'hunter2!': 2 }, /a variable’s name is not accepted; accepted: letters/],
    [{ A: '1', PORT: 'hunter2' }, /a variable’s name is not accepted; PORT, DORMICE_APP and/],
    [['hunter2'], /accepted: \{/],
    ['hunter2', /accepted: \{/],
  ]
  for (const [body, said] of refused) {
    const { status, text } = await call('PATCH', env, body)
    assert.equal(status, 400, text)
    assert.match(JSON.parse(text).detail, said)
    assert.doesNotMatch(text, /hunter2/)
  }
  assert.deepEqual(store.env('notes'), { KEPT: 'kept', OLD: 'old' })
})

test('a value in a wrong place of a call for one variable is not said back', async () => {
  const refused: [string, unknown][] = [
    [`${env}/KEY`, { hunter2: 'KEY' }],
    [`${env}/KEY`, { value: 'x', hunter2: 'KEY' }],
    [`${env}/KEY`, { value: ['hunter2'] }],
    [`${env}/KEY`, 'hunter2'],
    [`${env}/KEY`, { value: 'hunter2\0' }],
    [`${env}/hunter2!`, { value: 'KEY' }],
  ]
  for (const [path, body] of refused) {
    const { status, text } = await call('PUT', path, body)
    assert.equal(status, 400, text)
    assert.doesNotMatch(text, /hunter2/)
  }
  assert.deepEqual(store.env('notes'), { KEPT: 'kept', OLD: 'old' })
})

test('names are listed, values are not', async () => {
  await call('PUT', `${env}/KEY`, { value: 'hunter2' })
  const { text } = await call('GET', env)
  const old = new Date(1).toISOString()
  assert.deepEqual(JSON.parse(text), {
    env: [
      { key: 'KEPT', updatedAt: old },
      { key: 'KEY', updatedAt: new Date(2).toISOString() },
      { key: 'OLD', updatedAt: old },
    ],
  })
})

test('a variable is removed once', async () => {
  assert.equal((await call('DELETE', `${env}/OLD`)).status, 204)
  const again = await call('DELETE', `${env}/OLD`)
  assert.equal(again.status, 404)
  assert.equal(JSON.parse(again.text).code, 'unknown_env_key')
})

test('variables of an unknown app cannot be set', async () => {
  assert.equal((await call('PATCH', '/v1/apps/nobody/env', { A: '1' })).status, 404)
})
