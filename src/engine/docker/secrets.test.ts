import assert from 'node:assert/strict'
import { test } from 'node:test'
import type Docker from 'dockerode'
import { holdsSecret, secretsLabel, secretsOf, withoutSecrets } from './secrets.ts'

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

test('a secret is found in either configuration of an image, whatever it ends in; one without a value is none', () => {
  const image = (...env: string[]) => ({ ContainerConfig: { Env: env } }) as Docker.ImageInspectInfo
  const found = (entry: string) => holdsSecret(image('PATH=/bin', entry), ['PATH=/bin', entry], ['KEY'])
  assert.equal(found('KEY=value'), true)
  assert.equal(found('KEY=c2VjcmV0IGtleQ=='), true)
  assert.equal(found('KEY='), false)
  assert.equal(found('KEYS=value'), false)
  assert.equal(
    holdsSecret({ Config: { Env: ['KEY=1'] } } as Docker.ImageInspectInfo, ['KEY=1'], ['KEY']),
    true,
  )
  assert.equal(holdsSecret(image('KEY=another'), ['KEY=value'], ['KEY']), false)
})
