import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { manifestSchema } from './manifest-schema.ts'

test('the published schema is the one that uploads are checked with', () => {
  const published = new URL('../../schema/dormice.schema.json', import.meta.url)
  assert.equal(readFileSync(published, 'utf8'), manifestSchema())
})
