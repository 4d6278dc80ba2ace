import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { Progress } from './progress.ts'

const CLEAR = '\r\u001b[K'

function terminal(more: { isTTY: boolean; columns?: number }) {
  const written: string[] = []
  const out = new Writable({
    write(chunk, _, done) {
      written.push(String(chunk))
      done()
    },
  })
  // A stream that asks for no colours: what is tested is the lines.
  return {
    written,
    out: Object.assign(out, more, { hasColors: () => false }) as unknown as NodeJS.WriteStream,
  }
}

/** What a terminal shows in the end of what was written to it. */
function shown(written: string[]): string[] {
  return plain(written).map(line => line.split('\r').at(-1) ?? '')
}

function plain(written: string[]): string[] {
  return stripVTControlCharacters(written.join(''))
    .replace(/(?<= {2})[\d.]+ m?s/g, 'T')
    .split('\n')
}

test('on a terminal the running step stays the last line, below what it logs', t => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const { out, written } = terminal({ isTTY: true, columns: 80 })
  const progress = new Progress(out)
  progress.begin('build', 'npm ci')
  progress.log('one')
  assert.deepEqual(shown(written), ['  one', '… build         T  npm ci'])
  progress.update('npm run build')
  t.mock.timers.tick(100)
  assert.deepEqual(shown(written), ['  one', '… build         T  npm run build'])
  progress.warn('hm')
  progress.done()
  assert.deepEqual(shown(written), ['  one', '! hm', '✓ build         T (npm run build)', ''])
  const before = written.length
  t.mock.timers.tick(1000)
  assert.equal(written.length, before)
})

test('on a terminal no redrawn line is longer than the terminal is wide', () => {
  const { out, written } = terminal({ isTTY: true, columns: 40 })
  const progress = new Progress(out)
  progress.begin('build', 'x'.repeat(100))
  assert.match(written.at(-1)!, /x…$/)
  progress.done()
  for (const text of plain(written)) for (const line of text.split('\r')) assert.ok(line.length < 40, line)
})

test('elsewhere a step is told when it logs, when it takes long, and at its end', t => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  let now = 0
  t.mock.method(performance, 'now', () => now)
  const { out, written } = terminal({ isTTY: false })
  const progress = new Progress(out)
  progress.begin('upload')
  for (const at of [2000, 4000, 5000, 10_000]) {
    progress.update(`${at} B`)
    const by = at - now
    now = at
    t.mock.timers.tick(by)
  }
  progress.begin('build', 'npm ci')
  progress.log('one')
  progress.log('')
  progress.log('two')
  progress.fail()
  for (const control of ['\r', '\u001b']) assert.ok(!written.join('').includes(control))
  assert.deepEqual(plain(written), [
    '… upload        5000 B',
    '… upload        10000 B',
    '✓ upload        T (10000 B)',
    '… build         npm ci',
    '  one',
    '  two',
    '✗ build         T (npm ci)',
    '',
  ])
})

test('disposing takes an unfinished step’s line away and stops redrawing', t => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const { out, written } = terminal({ isTTY: true })
  {
    using progress = new Progress(out)
    progress.begin('build')
  }
  assert.equal(written.at(-1), CLEAR)
  const before = written.length
  t.mock.timers.tick(1000)
  assert.equal(written.length, before)
})
