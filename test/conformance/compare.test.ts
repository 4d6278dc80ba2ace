import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Case } from './case.ts'
import { compare, isFault } from './compare.ts'

const plain: Case = { name: 'x', rfc: '9112 1', sent: '', answer: '', upstream: '' }
const explained: Case = { ...plain, differs: { nginx: 'because' } }
const refused = { answers: '4xx', requests: 0 }
const passed = { answers: '2xx', requests: 1 }

/** What comes of a case that Dormice refuses. */
function judge(each: Case, other: typeof passed): 'nothing' | 'fault' | 'explained' {
  const difference = compare({ title: 't', each }, 'nginx', refused, other)
  if (!difference) return 'nothing'
  return isFault(difference) ? 'fault' : 'explained'
}

test('a difference needs a reason, and a reason a difference', () => {
  assert.equal(judge(plain, refused), 'nothing')
  assert.equal(judge(plain, passed), 'fault')
  assert.equal(judge(explained, passed), 'explained')
  assert.equal(judge(explained, refused), 'fault')
})

test('the same answers are a difference when the app saw another number of requests', () => {
  assert.equal(judge(plain, { answers: '4xx', requests: 1 }), 'fault')
})
