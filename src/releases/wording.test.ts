import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppSettings, Manifest } from './manifest.ts'
import { inWords } from './wording.ts'

const said: [settings: unknown, path: string, message: string][] = [
  [{ cpu: 0 }, 'cpu', 'accepted: 0.05 and more'],
  [{ cpu: '2' }, 'cpu', 'accepted: a number'],
  [{ pids: 20.5 }, 'pids', 'accepted: a whole number'],
  [{ maxWaiting: 100_000 }, 'maxWaiting', 'accepted: at most 65536'],
  [
    { ignore: 'none' },
    'ignore',
    'accepted: an object such as {"paths": ["/health", "/wp-*"], "userAgents": ["monitors", "crawlers"]}',
  ],
  [{ sleepAfter: 30 }, 'sleepAfter', 'accepted: e.g. "500ms", "30s", "5m", "2h"'],
  [
    { sleepAfter: 'off' },
    'sleepAfter',
    '"off" is not a duration; accepted: 1s and more, e.g. "365d" for an app that is to sleep for nothing but want of memory',
  ],
  [
    { freezeAfter: 'never' },
    'freezeAfter',
    '"never" is not a duration; accepted: 1s and more, or freeze=off for an app that is not to be frozen',
  ],
  [{ memory: true }, 'memory', 'accepted: bytes as a number, or e.g. "128m", "1g"'],
  [{ memory: '1m' }, 'memory', 'accepted: 16m to 64g'],
  [{ memory: '300' }, 'memory', '"300" has no unit, which means bytes; accepted: 16m to 64g, e.g. "300m"'],
  [{ memory: 512 }, 'memory', '"512" has no unit, which means bytes; accepted: 16m to 64g, e.g. "512m"'],
  [{ memory: '5' }, 'memory', 'accepted: 16m to 64g'],
  [{ disk: '20' }, 'disk', '"20" has no unit, which means bytes; accepted: 1m and more, e.g. "20m"'],
  [{ ignore: { paths: '/health' } }, 'ignore.paths', 'accepted: a list'],
  [{ ignore: { path: ['/health'] } }, 'ignore', 'there is no setting "path"; did you mean paths?'],
  [{ ignore: { userAgents: [''] } }, 'ignore.userAgents.0', 'accepted: not an empty one'],
  [{ waiting: { color: '#ff0000' } }, 'waiting', 'there is no setting "color"; did you mean colour?'],
  [{ waiting: { title: 'x'.repeat(81) } }, 'waiting.title', 'accepted: at most 80 characters'],
]

test('a setting that is wrong is answered with what is accepted in its place', () => {
  for (const [settings, path, message] of said) {
    const [issue] = AppSettings.strict().safeParse(settings, { error: inWords }).error?.issues ?? []
    assert.deepEqual([issue?.path.join('.'), issue?.message], [path, message], JSON.stringify(settings))
  }
})

test('a choice or a beginning that dormice.json does not have is answered with what is accepted', () => {
  const told = (manifest: unknown) =>
    Manifest.safeParse(manifest, { error: inWords }).error?.issues.map(({ message }) => message)
  assert.deepEqual(told({ runtime: 'ruby' }), ['accepted: "node", "python", "static" or "dockerfile"'])
  assert.deepEqual(told({ state: 'none' }), ['accepted: "keep" or "discard"'])
  assert.deepEqual(told({ health: 'up' }), ['accepted: a text that begins with "/"'])
})

test('a setting that there is not is answered with the one that is meant, else with those that there are', () => {
  const told = (settings: unknown) =>
    AppSettings.strict().safeParse(settings, { error: inWords }).error?.issues[0]?.message ?? ''
  assert.equal(told({ memroy: '512m' }), 'there is no setting "memroy"; did you mean memory?')
  assert.equal(told({ sleep: '5m' }), 'there is no setting "sleep"; did you mean sleepAfter?')
  assert.match(told({ name: 'shop' }), /^there is no setting "name"; accepted: memory, cpu, .*, access$/)
})
