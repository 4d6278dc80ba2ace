import assert from 'node:assert/strict'
import { test } from 'node:test'
import { secretsLabel, secretsOf, withoutSecrets } from './secrets.ts'

test('the names of a container’s secrets are read back from its labels', () => {
  assert.deepEqual(secretsOf(secretsLabel(['A', 'B_2'])), ['A', 'B_2'])
  assert.deepEqual(secretsOf({}), [])
  assert.deepEqual(secretsLabel([]), {})
})

test('a secret is set to nothing, or back to what the image has', () => {
  assert.deepEqual(withoutSecrets(['KEY', 'PATH'], ['PATH=/usr/bin:/bin', 'KEYS=x']), [
    'ENV KEY=""',
    'ENV PATH="/usr/bin:/bin"',
  ])
})

test('what an instruction would expand or end is escaped or left out', () => {
  assert.deepEqual(withoutSecrets(['A', 'B'], ['A=$x "y" \\z', 'B=1\nENV C=2']), [
    'ENV A="\\$x \\"y\\" \\\\z"',
    'ENV B=""',
  ])
})
