import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLog } from './log.ts'

function written() {
  const lines: string[] = []
  const log = createLog(
    line => lines.push(line),
    () => 0,
  )
  return { log, lines, last: () => JSON.parse(lines.at(-1)!) }
}

test('an event is one JSON line with time, level and fields', () => {
  const { log, lines } = written()
  log.warn('app_crashed', { app: 'notes', code: 1 })
  assert.deepEqual(lines, [
    '{"app":"notes","code":1,"time":"1970-01-01T00:00:00.000Z","level":"warn","event":"app_crashed"}\n',
  ])
})

test('a line break in a value does not make a second line', () => {
  const { log, lines } = written()
  log.info('x', { text: 'a\nb' })
  assert.equal(lines[0]!.indexOf('\n'), lines[0]!.length - 1)
})

test('values of fields named like secrets are not written, however deep', () => {
  const { log, lines } = written()
  log.info('x', {
    token: 'hush',
    request: { headers: { Authorization: 'hush', 'set-cookie': ['hush'] } },
    env: { A: 'hush' },
  })
  assert.doesNotMatch(lines[0]!, /hush/)
})

test('errors, cycles and big integers are written as text', () => {
  const { log, last } = written()
  const knot: Record<string, unknown> = { size: 3n }
  knot.self = knot
  log.error('x', { error: new Error('no space'), knot, twice: [knot.size, knot.size] })
  assert.equal(last().error, 'no space')
  assert.deepEqual(last().knot, { size: '3', self: '[cycle]' })
})

test('fields cannot fake the event or its level', () => {
  const { log, last } = written()
  log.info('real', { event: 'fake', level: 'error' })
  assert.equal(last().event, 'real')
  assert.equal(last().level, 'info')
})
