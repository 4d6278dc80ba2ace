import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import * as tar from 'tar-stream'
import { type TarEntry, tarStream } from './tar-writer.ts'

const entry = (path: string, more: Partial<TarEntry> = {}): TarEntry => ({
  path,
  type: 'file',
  mode: 0o644,
  uid: 1000,
  gid: 1001,
  mtime: 1_700_000_000,
  size: 0,
  linkname: '',
  ...more,
})

test('what it writes is read by tar-stream and by tar alike', async () => {
  const long = `${'d'.repeat(200)}/${'f'.repeat(200)}`
  const written = [
    entry('folder', { type: 'directory', mode: 0o755 }),
    entry('folder/file', { size: 5, body: bytes('he', 'llo') }),
    entry('a'.repeat(100)),
    entry('a'.repeat(101)),
    entry(long),
    entry('grüße'),
    entry('link', { type: 'link', linkname: long }),
    entry('symlink', { type: 'symlink', mode: 0o777, linkname: '../日本' }),
    entry('late', { mtime: 2 ** 33 - 1 }),
  ]
  const archive = await buffer(tarStream(each(written)))
  assert.equal(archive.length % 512, 0)
  assert.deepEqual(
    (await read(archive)).map(({ name, type, mode, uid, gid, mtime, size, linkname }) => ({
      path: type === 'directory' ? name.replace(/\/$/, '') : name,
      type,
      mode,
      uid,
      gid,
      mtime: mtime.getTime() / 1000,
      size,
      linkname: linkname ?? '',
    })),
    written.map(({ body: _, ...header }) => header),
  )
  const listed = execFileSync('tar', ['tf', '-'], {
    input: archive,
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
  })
  assert.equal(listed.split('\n').length - 1, written.length)
})

test('a file of 8 GiB and more has its size in a pax header', async () => {
  const size = 9 * 1024 ** 3
  const stream = tarStream(each([entry('big', { size, body: bytes('x'.repeat(100_000)) })]))
  for await (const chunk of stream) {
    assert.match(chunk.toString('latin1', 512, 1024), /^19 size=9663676416\n\0/)
    assert.equal(chunk.toString('latin1', 1024, 1028), 'big\0')
    break
  }
})

test('a body of another size than the header says destroys the stream', async () => {
  for (const body of [bytes('hell'), bytes('hello!'), bytes()]) {
    const stream = tarStream(each([entry('file', { size: 5, body })]))
    await assert.rejects(buffer(stream), /file has not the 5 bytes/)
    assert.equal(stream.destroyed, true)
  }
})

test('entries are taken only as they are read, also those without a body', async () => {
  let taken = 0
  async function* endless(): AsyncGenerator<TarEntry> {
    for (;;) yield entry(`d${taken++}`, { type: 'directory' })
  }
  const stream = tarStream(endless())
  stream.read()
  for (let turn = 0; turn < 1000; turn++) await setImmediate()
  // Two chunks of 64 KiB of headers at most: one in the stream, one in the making.
  assert.ok(taken <= 300, `${taken} entries were taken`)
  stream.destroy()
})

test('destroying the stream ends the iteration', async () => {
  let ended = false
  async function* endless(): AsyncGenerator<TarEntry> {
    try {
      for (;;) yield entry('d', { type: 'directory' })
    } finally {
      ended = true
    }
  }
  const stream = tarStream(endless())
  for await (const _ of stream) break
  await setImmediate()
  assert.equal(ended, true)
})

async function* each(entries: readonly TarEntry[]): AsyncGenerator<TarEntry> {
  yield* entries
}

async function* bytes(...chunks: string[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield Buffer.from(chunk)
}

async function read(archive: Buffer): Promise<tar.Header[]> {
  const extract = tar.extract()
  extract.end(archive)
  const headers: tar.Header[] = []
  for await (const found of extract) {
    headers.push(found.header)
    found.resume()
  }
  return headers
}
