import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commandLine } from './start-command.ts'

const cases: [string, string, string][] = [
  ['a program replaces the shell', 'node server.js', 'exec node server.js'],
  ['quotes and variables stay the shell’s', "node -e 'x' --port $PORT", "exec node -e 'x' --port $PORT"],
  ['assignments go through env', 'NODE_ENV=test A=1 node x', 'exec env NODE_ENV=test A=1 node x'],
  ['the last of a chain replaces it', 'npm run migrate && node x', 'npm run migrate && exec node x'],
  ['the last of a sequence replaces it', 'cd api; node x', 'cd api; exec node x'],
  ['a pipe is left as it is', 'node x | tee log', 'node x | tee log'],
  ['a background job is left as it is', 'redis-server & node x', 'redis-server & node x'],
  ['an alternative is left as it is', 'a || b', 'a || b'],
  ['a quoted && is no chain', "sh -c 'a && b'", "sh -c 'a && b'"],
  ['an own exec is left as it is', 'exec node x', 'exec node x'],
  ['a substitution is left as it is', 'node $(cat main)', 'node $(cat main)'],
]
for (const [behaviour, line, script] of cases) {
  test(behaviour, () => assert.deepEqual(commandLine(` ${line} `), ['sh', '-c', script]))
}
