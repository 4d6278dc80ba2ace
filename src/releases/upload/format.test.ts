import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { tarOf } from '../../../test/hostile/raw-tar.ts'
import { zipOf } from '../../../test/hostile/raw-zip.ts'
import { detectFormat, HEAD_BYTES, type UploadHints } from './format.ts'

const head = (bytes: Buffer) => bytes.subarray(0, HEAD_BYTES)
const text = Buffer.from('export default {}\n')

test('archives are recognised by their bytes, whatever they are called', () => {
  const hints = { filename: 'main.js', contentType: 'text/javascript' }
  const tar = tarOf({ name: 'a' })
  assert.deepEqual(detectFormat(head(tar), hints), { format: 'tar' })
  assert.deepEqual(detectFormat(head(tarOf({ magic: 'gnu' })), hints), { format: 'tar' })
  assert.deepEqual(detectFormat(head(tarOf({ magic: 'v7' })), hints), { format: 'tar' })
  assert.deepEqual(detectFormat(head(gzipSync(tar)), hints), { format: 'tar.gz' })
  assert.deepEqual(detectFormat(head(zipOf([{ name: 'a' }])), hints), { format: 'zip' })
  assert.deepEqual(detectFormat(head(zipOf([])), hints), { format: 'zip' })
})

test('a single file has the name it was sent with, made harmless', () => {
  const named = (filename: string) => detectFormat(text, { filename })
  assert.deepEqual(named('hello.js'), { format: 'file', name: 'hello.js' })
  assert.deepEqual(named('../../etc/cron.d/x.mjs'), { format: 'file', name: 'x.mjs' })
  assert.deepEqual(named('C:\\Users\\me\\my app.TS'), { format: 'file', name: 'my_app.ts' })
  assert.deepEqual(named('.py'), { format: 'file', name: 'main.py' })
  assert.deepEqual(named('-rf.py'), { format: 'file', name: 'rf.py' })
  assert.deepEqual(named(`${'x'.repeat(300)}.py`), { format: 'file', name: `${'x'.repeat(100)}.py` })
})

test('a single file without a name is called main, by its type', () => {
  const typed = (contentType: string) => detectFormat(text, { contentType, filename: 'upload' })
  assert.deepEqual(typed('text/javascript; charset=utf-8'), { format: 'file', name: 'main.js' })
  assert.deepEqual(typed('Application/JavaScript'), { format: 'file', name: 'main.js' })
  assert.deepEqual(typed('application/typescript'), { format: 'file', name: 'main.ts' })
  assert.deepEqual(typed('text/x-python'), { format: 'file', name: 'main.py' })
})

test('anything else is refused with what is accepted', () => {
  const cases: [Buffer, UploadHints][] = [
    [text, {}],
    [text, { filename: 'main.rb' }],
    [text, { contentType: 'application/x-www-form-urlencoded' }],
    [Buffer.from('a\0b'), { filename: 'main.js' }],
    [Buffer.alloc(HEAD_BYTES, 'x'), { contentType: 'application/zip' }],
  ]
  for (const [bytes, hints] of cases) {
    assert.throws(() => detectFormat(bytes, hints), {
      code: 'unknown_format',
      status: 415,
      message: /Accepted are a tar, a tar\.gz or a zip .* \.js, \.mjs, \.ts or \.py/,
    })
  }
  assert.throws(() => detectFormat(Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])), {
    message: /looks like xz/,
  })
})
