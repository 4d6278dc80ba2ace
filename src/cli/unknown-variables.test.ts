import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unknownVariables } from './unknown-variables.ts'

test('a misspelt variable is told with the one that is meant', () => {
  const meant = {
    DORMICE_FREZE_AFTER: 'DORMICE_FREEZE_AFTER',
    DORMICE_MEM: 'DORMICE_MEMORY',
    DORMICE_SLEEPAFTER: 'DORMICE_SLEEP_AFTER',
    DORMICE_ACME_MAIL: 'DORMICE_ACME_EMAIL',
    DORMICE_TLS_FILE: 'DORMICE_TLS_FILES',
    DORMICE_UPLOADMAX: 'DORMICE_UPLOAD_MAX',
  }
  for (const [name, variable] of Object.entries(meant))
    assert.deepEqual(unknownVariables({ [name]: 'x' }), [{ name, meant: variable }])
})

test('one that is like none is told as well', () => {
  assert.deepEqual(unknownVariables({ DORMICE_QUIETLY: 'x' }), [
    { name: 'DORMICE_QUIETLY', meant: undefined },
  ])
})

test('what is known to the host or the CLI, is empty or is somebody else’s is not told', () => {
  const env = {
    DORMICE_DATA: '/data',
    DORMICE_LISTEN: 'x',
    DORMICE_TLS_FILES: 'x',
    DORMICE_ACME_EMAIL: 'x',
    DORMICE_BUILD_TIMEOUT: 'x',
    DORMICE_URL: 'x',
    DORMICE_TOKEN: 'x',
    DORMICE_DEBUG: '1',
    DORMICE_TYPO: '',
    DORMANT_MEMORY: '1',
  }
  assert.deepEqual(unknownVariables(env), [])
})
