import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import * as tar from 'tar-stream'
import { BENIGN, HOSTILE } from '../../../test/hostile/corpus.ts'
import { Problem } from '../../problem.ts'
import { receiveUpload } from './receive.ts'
import { REFUSAL_CODES } from './refusals.ts'
import { repackUpload } from './repack.ts'
import { scanUpload } from './scan.ts'

let dir: string
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'dormice-hostile-'))
})
after(() => rm(dir, { recursive: true, force: true }))

/** One upload of each format. */
const CUT = [
  'a plain tar of a folder with ./',
  'npm pack: no folder entries at all',
  'a zip with links, modes and a name in the code page of DOS',
]
const MAX_BYTES = 512 * 1024 * 1024

describe('hostile uploads are refused, each with its code, and nothing of them is left', () => {
  for (const { name, code, status, bytes, noEntry, ...hints } of HOSTILE) {
    test(`${code}: ${name}`, async () => {
      const refused = await refusalOf(async () => {
        await using upload = await receiveUpload(Readable.from([bytes()]), { dir, maxBytes: MAX_BYTES })
        const scan = await scanUpload(upload.path, hints)
        assert.fail(`accepted: ${scan.entries} entries, ${scan.bytes} bytes`)
      })
      assert.deepEqual({ code: refused.code, status: refused.status }, { code, status })
      assert.match(refused.message, /^["A-Z].*\.\)?$/s)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: no name may get to a terminal as it is
      assert.doesNotMatch(refused.message, /[\u0000-\u001f\u007f-\u009f]/)
      if (!noEntry) assert.equal(typeof refused.data.entry, 'string')
      assert.deepEqual(await readdir(dir), [])
    })
  }
})

test('the corpus has an upload for every refusal, and no name twice', () => {
  const ofSending = new Set(['upload_too_large', 'upload_interrupted'])
  const covered = new Set<string>(HOSTILE.map(({ code }) => code))
  assert.deepEqual(
    REFUSAL_CODES.filter(code => !covered.has(code) && !ofSending.has(code)),
    [],
  )
  assert.equal(new Set(HOSTILE.map(({ name }) => name)).size, HOSTILE.length)
})

describe('the second pass refuses by itself what the first one would have', () => {
  for (const { name, code, bytes, ...hints } of HOSTILE) {
    // These are seen when all is known; the others while the entries stream by.
    if (['empty_upload', 'unknown_format', 'link_unreadable'].includes(code)) continue
    if (name.startsWith('bomb') || name.includes('left out') || name.includes('package.json of')) continue
    if (hints.contentType || hints.filename) continue
    test(`${code}: ${name}`, async () => {
      const good = benign('two top-level folders stay')
      await using first = await receiveUpload(Readable.from([good]), { dir, maxBytes: MAX_BYTES })
      await using second = await receiveUpload(Readable.from([bytes()]), { dir, maxBytes: MAX_BYTES })
      const scan = await scanUpload(first.path)
      const format = { format: formatOf(bytes()) }
      const stream = repackUpload(
        second.path,
        { ...scan, source: { ...scan.source, format } },
        { prefix: 'app/', uid: 1, gid: 1 },
      )
      const refused = await refusalOf(() => drain(stream))
      assert.equal(refused.code, code)
      assert.equal(stream.destroyed, true)
    })
  }
})

describe('what people send is accepted, and repacked', () => {
  for (const { name, bytes, format, strip, repacked, ...hints } of BENIGN) {
    test(name, async () => {
      await using upload = await receiveUpload(Readable.from([bytes()]), { dir, maxBytes: MAX_BYTES })
      const scan = await scanUpload(upload.path, hints)
      assert.deepEqual({ format: scan.format, strip: scan.strip }, { format, strip })
      const stream = repackUpload(upload.path, scan, { prefix: 'app/', uid: 1234, gid: 5678 })
      const listed = await list(stream)
      assert.deepEqual(
        listed.map(entry => entry.line),
        repacked,
      )
      for (const entry of listed) assert.deepEqual([entry.uid, entry.gid], [1234, 5678])
      const files = listed.filter(({ type }) => type === 'file' || type === 'link').map(({ path }) => path)
      assert.deepEqual(
        files,
        [...scan.files.paths].map(path => `app/${path}`),
      )
    })
  }
})

test('an archive cut off anywhere is refused as cut off', async () => {
  const path = join(dir, 'cut')
  for (const name of CUT) {
    const whole = benign(name)
    // A byte more or less only matters at the edges of a tar's blocks.
    const lengths = Array.from({ length: whole.length - 1 }, (_, index) => index + 1)
    const tried = formatOf(whole) === 'tar' ? lengths.filter(length => (length + 1) % 512 < 3) : lengths
    for (const length of tried) {
      await writeFile(path, whole.subarray(0, length))
      const refused = await refusalOf(() => scanUpload(path, { contentType: 'application/gzip' }))
      assert.equal(refused.code, 'archive_truncated', `"${name}", ${length} bytes: ${refused.message}`)
    }
  }
  await rm(path)
})

test('an archive with a bit flipped is accepted or refused, never anything else', async () => {
  const path = join(dir, 'flipped')
  for (const name of CUT) {
    const whole = benign(name)
    const bits = whole.length * 8
    for (let bit = 0; bit < bits; bit += Math.ceil(bits / 400)) {
      const flipped = Buffer.from(whole)
      flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
      await writeFile(path, flipped)
      const scan = await scanUpload(path, { filename: 'main.js' }).catch(error => {
        assert.ok(error instanceof Problem, `"${name}", bit ${bit}: ${error.stack}`)
      })
      if (scan) await drain(repackUpload(path, scan, { prefix: 'app', uid: 1, gid: 1 }))
    }
  }
  await rm(path)
})

describe('bombs are refused in bounded memory', { skip: process.platform !== 'linux' }, () => {
  for (const { name, code, bytes } of HOSTILE.filter(({ name }) => name.startsWith('bomb:'))) {
    test(name, async () => {
      const path = join(dir, 'bomb')
      await writeFile(path, bytes())
      const { stdout } = await promisify(execFile)(process.execPath, [
        '--input-type=module',
        '--eval',
        SCAN,
        path,
      ])
      const result = JSON.parse(stdout)
      assert.equal(result.code, code)
      assert.ok(result.mebibytes < 256, `${result.mebibytes} MiB resident at most`)
      await rm(path)
    })
  }
})

/** `maxRSS` would count the memory of this process too, which a child has until it becomes another program. */
const SCAN = `
  import { readFileSync } from 'node:fs'
  const { scanUpload } = await import(${JSON.stringify(import.meta.resolve('./scan.ts'))})
  const code = await scanUpload(process.argv[1]).then(() => 'accepted', error => error.code)
  const [, peak] = /VmHWM:\\s+(\\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))
  console.log(JSON.stringify({ code, mebibytes: Math.round(peak / 1024) }))`

function benign(name: string): Buffer {
  return BENIGN.find(upload => upload.name === name)!.bytes()
}

async function refusalOf(action: () => Promise<unknown>): Promise<Problem> {
  try {
    await action()
  } catch (error) {
    assert.ok(error instanceof Problem, error instanceof Error ? error.stack : String(error))
    return error
  }
  return assert.fail('nothing was refused')
}

function formatOf(bytes: Buffer): 'tar' | 'tar.gz' | 'zip' {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return 'tar.gz'
  return bytes.toString('latin1', 0, 2) === 'PK' ? 'zip' : 'tar'
}

async function drain(stream: Readable): Promise<void> {
  for await (const _ of stream) {
    // only the end matters
  }
}

type Listed = { line: string; path: string; type: string; uid: number; gid: number }

/** Reads a repacked tar by another reader than ours. */
async function list(stream: Readable): Promise<Listed[]> {
  const extract = tar.extract()
  stream.on('error', error => extract.destroy(error))
  stream.pipe(extract as unknown as NodeJS.WritableStream)
  const listed: Listed[] = []
  for await (const entry of extract) {
    const { name: path, type, mode, linkname, uid, gid } = entry.header
    const target = linkname ? ` -> ${linkname}` : ''
    listed.push({ line: `${type} ${mode.toString(8)} ${path}${target}`, path, type, uid, gid })
    entry.resume()
  }
  return listed
}
