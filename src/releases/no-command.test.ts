import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noCommand } from './no-command.ts'

test('for an image that runs nothing, what helps is another image or a Dockerfile', () => {
  const { code, status, message } = noCommand('image')
  assert.deepEqual([code, status], ['no_command', 422])
  assert.match(message, /deploy an image that has one, or upload a folder with a Dockerfile/)
  assert.doesNotMatch(message, /dormice\.json/)
})

test('for a Dockerfile that sets no command, what helps is to set one, there or in dormice.json', () => {
  assert.match(noCommand('dockerfile').message, /set one, or "start" in dormice\.json/)
})
