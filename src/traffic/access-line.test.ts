import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { accessLine } from './access-line.ts'
import { AccessLine, accessSchema } from './access-schema.ts'
import { record } from './fixture.ts'

const at = Date.parse('2026-01-02T03:04:05.010Z')

test('a line holds the record, and when the request arrived', () => {
  const line = accessLine(record({ ms: 8.3456, upstreamMs: 7, received: 3, sent: 612 }), at)
  assert.equal(
    line,
    '{"time":"2026-01-02T03:04:05.001Z","app":"notes","method":"GET","path":"/a","status":200,"received":3,"sent":612,"ms":8.35,"upstreamMs":7,"wake":"none","visitor":"203.0.113.7","protocol":"1.1","requestId":"r1"}\n',
  )
})

test('a request that was held, answered by the edge or broken off says so', () => {
  const line = JSON.parse(
    accessLine(
      record({ wake: 'cold', wakeMs: 131.005, first: true, code: 'app_timeout', aborted: 'app' }),
      at,
    ),
  )
  const { wake, wakeMs, first, code, aborted } = line
  assert.deepEqual(
    { wake, wakeMs, first, code, aborted },
    { wake: 'cold', wakeMs: 131.01, first: true, code: 'app_timeout', aborted: 'app' },
  )
})

test('whatever a path holds, the line is JSON in ASCII, and one line', () => {
  const path = '/"quoted"\\\u00c3\u00b6\u0000\n\u007f<é>'
  const line = accessLine(record({ path }), at)
  assert.match(line, /^[ -~]+\n$/)
  assert.equal(JSON.parse(line).path, '/"quoted"\\%C3%B6%00%0A%7F<%E9>')
})

test('lines are as the published schema says', () => {
  const lines = [
    record(),
    record({ status: 0, aborted: 'visitor', upstreamMs: undefined, ms: 0.001 }),
    record({ wake: 'frozen', wakeMs: 3, first: true, code: 'answered' }),
  ]
  for (const each of lines) AccessLine.parse(JSON.parse(accessLine(each, at)))
  const published = new URL('../../schema/access-record.schema.json', import.meta.url)
  assert.equal(readFileSync(published, 'utf8'), accessSchema())
})

test('times are told in the second that they are in, whatever was told before', () => {
  const times = [at, at + 989, at + 990, at - 11, at].map(
    now => JSON.parse(accessLine(record({ ms: 0 }), now)).time as string,
  )
  assert.deepEqual(
    times.map(time => time.slice(17, -1)),
    ['05.010', '05.999', '06.000', '04.999', '05.010'],
  )
})
