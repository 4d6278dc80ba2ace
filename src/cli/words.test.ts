import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { suggestName } from './app-name.ts'
import { nameOf } from './deploy-source.ts'
import { quoted } from './invocation.ts'
import { readLines } from './lines.ts'
import { table } from './table.ts'
import { printable } from './terminal.ts'
import { count, formatAgo, formatBytes, formatMemory, formatMs } from './units.ts'
import { UsageError } from './usage-error.ts'

test('bytes are shown with two or three digits', () => {
  const shown = [0, 999, 1000, 9949, 9951, 12_345, 999_499, 999_600, 1.5e9].map(formatBytes)
  assert.deepEqual(shown, [
    '0 B',
    '999 B',
    '1.0 kB',
    '9.9 kB',
    '10 kB',
    '12 kB',
    '999 kB',
    '1.0 MB',
    '1.5 GB',
  ])
})

test('memory is shown in the units of its limits', () => {
  const MiB = 1024 ** 2
  const shown = [1023, 1.5 * 1024, 23.4 * MiB, 1000 * MiB, 1023.7 * MiB, 1536 * MiB].map(formatMemory)
  assert.deepEqual(shown, ['1023 B', '1.5 KiB', '23 MiB', '1000 MiB', '1.0 GiB', '1.5 GiB'])
})

test('durations are shown with two or three digits', () => {
  assert.deepEqual([0.04, 0.43, 9.94, 9.96, 131.2, 999.4, 999.6, 9940, 9960, 90_000].map(formatMs), [
    '0.0 ms',
    '0.4 ms',
    '9.9 ms',
    '10 ms',
    '131 ms',
    '999 ms',
    '1.0 s',
    '9.9 s',
    '10 s',
    '90 s',
  ])
})

test('how long ago is rough', () => {
  const seconds = [0, 4, 5, 59, 60, 3599, 3600, 172_799, 172_800]
  assert.deepEqual(
    seconds.map(ago => formatAgo(0, ago * 1000)),
    [
      'just now',
      'just now',
      '5 s ago',
      '59 s ago',
      '1 min ago',
      '59 min ago',
      '1 h ago',
      '47 h ago',
      '2 days ago',
    ],
  )
})

test('one thing is singular', () => {
  assert.deepEqual(
    [count(1, 'file'), count(0, 'file'), count(2, 'entry', 'entries')],
    ['1 file', '0 files', '2 entries'],
  )
})

test('a table’s columns are as wide as what they show, colours not counted', () => {
  const rows = [
    ['A', 'B', 'C'],
    ['\u001b[32mawake\u001b[39m', '', 'x'],
    ['z', 'yy', ''],
  ]
  assert.deepEqual(table(rows), ['A      B   C', '\u001b[32mawake\u001b[39m      x', 'z      yy  '])
})

test('printable text keeps colours, tabs and any language, and nothing that moves the cursor', () => {
  const kept = '\u001b[1;31mbold\u001b[0m\ttab, ünïcödé 日本 🎉'
  assert.equal(printable(kept), kept)
  const dropped = [
    '\u001b[2J',
    '\u001b[10;20H',
    '\u001b[?25l',
    '\u001b]0;title\u0007',
    '\u001b]8;;http://x\u001b\\',
    '\u009b2J',
    '\u001bc',
    '\u001b(0',
    '\r',
    '\b',
    '\u0007',
    '\u0000',
    '\u007f',
    '\u001bP1$r\u001b\\',
    '\u001b',
  ]
  for (const sequence of dropped)
    assert.equal(printable(`a${sequence}b`), sequence === '\u001b' ? 'a' : 'ab', JSON.stringify(sequence))
})

test('an app’s name is made of where it is deployed from', () => {
  const names = [
    'My App',
    'Café_Ünder',
    '--x--',
    '.hidden',
    'a'.repeat(60),
    `${'a'.repeat(39)}-b`,
    'v1.2',
  ].map(suggestName)
  assert.deepEqual(names, ['my-app', 'cafe-under', 'x', 'hidden', 'a'.repeat(40), 'a'.repeat(39), 'v1-2'])
  for (const source of ['', '---', '日本', 'dormice', 'WWW'])
    assert.throws(() => suggestName(source), UsageError)
})

test('folders, files and images have a name without path, kind and version', () => {
  const paths = [
    '/a/site',
    '/a/site.tar.gz',
    '/a/site.tgz',
    '/a/api.py',
    '/a/f.mts',
    '/a/v1.2',
    '/a/notes.zip',
  ]
  assert.deepEqual(
    paths.map(path => nameOf({ kind: 'path', path })),
    ['site', 'site', 'site', 'api', 'f', 'v1.2', 'notes'],
  )
  const references = [
    'nginx',
    'nginx:1.27',
    'host.example:5000/team/web',
    'x/web:2@sha256:ab',
    'web@sha256:ab',
  ]
  assert.deepEqual(
    references.map(reference => nameOf({ kind: 'image', reference })),
    ['nginx', 'nginx', 'web', 'web', 'web'],
  )
})

test('words are quoted where a shell needs it', () => {
  assert.deepEqual(['./my-app', 'My App', "it's", '$x', ''].map(quoted), [
    './my-app',
    "'My App'",
    "'it'\\''s'",
    "'$x'",
    "''",
  ])
})

test('lines are cut at line feeds only, whatever chunks they come in', async () => {
  const bytes = Buffer.from('é\u2028x\r\n\n日本\nlast')
  const chunks = Array.from(bytes, byte => Buffer.from([byte]))
  assert.deepEqual(await Array.fromAsync(readLines(Readable.from(chunks, { objectMode: false }))), [
    'é\u2028x\r',
    '日本',
    'last',
  ])
})

test('a line without an end is not kept for ever', async () => {
  async function* endless() {
    for (;;) yield Buffer.alloc(1024 * 1024, 'x')
  }
  await assert.rejects(
    Array.fromAsync(readLines(Readable.from(endless(), { objectMode: false }))),
    /without an end/,
  )
})
