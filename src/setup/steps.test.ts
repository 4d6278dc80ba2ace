import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatElapsed, steps } from './steps.ts'

function collect(isTTY = false) {
  const out = { text: '', isTTY, columns: 40, write: (text: string) => (out.text += text) }
  return out
}

test('a step that succeeds prints its name, how long it took and what came of it', async () => {
  const out = collect()
  const result = await steps(out).run(
    'engine',
    async () => '20.10',
    version => `Docker ${version}`,
  )
  assert.equal(result, '20.10')
  assert.match(out.text, /^✓ engine {8}\d+ ms \(Docker 20\.10\)\n$/)
})

test('a step that fails says so and lets its error pass', async () => {
  const out = collect()
  const failure = new Error('no disk')
  await assert.rejects(
    steps(out).run('images', () => Promise.reject(failure)),
    error => error === failure,
  )
  assert.match(out.text, /^✗ images {8}\d+ ms\n$/)
})

test('off a terminal every line of progress is printed, without control characters', async () => {
  const out = collect()
  await steps(out).run('images', async log => {
    log('base')
    log('node')
  })
  assert.match(out.text, /^… images {8}base\n… images {8}node\n✓ images {8}\d+ ms\n$/)
})

test('on a terminal progress stays on one line and is gone when the step succeeds', async () => {
  const out = collect(true)
  await steps(out).run('images', async log => log('x'.repeat(200)))
  assert.equal(out.text.split('\n').length, 2)
  for (const drawn of out.text.split('\r\x1b[K')) assert.ok(drawn.trimEnd().length < 40, drawn)
  assert.match(out.text.split('\r\x1b[K').at(-1)!, /^✓ images {8}\d+ ms\n$/)
})

test('on a terminal a step that fails shows what it was doing', async () => {
  const out = collect(true)
  const work = async (log: (line: string) => void) => {
    log('apt-get update')
    throw new Error('no network')
  }
  await assert.rejects(steps(out).run('engine', work))
  assert.match(out.text, /✗ engine {8}\d+ ms\n {2}apt-get update\n$/)
})

test('elapsed times are short at every size', () => {
  assert.deepEqual([7.6, 1234, 59_940, 125_000].map(formatElapsed), ['8 ms', '1.2 s', '59.9 s', '2 min 5 s'])
})
