import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readFrames } from './frames.ts'

const time = '2026-01-01T00:00:00.123456789Z'
const at = Date.parse(time)

function frame(stream: 1 | 2, text: string | Buffer, stamp = time): Buffer {
  const body = Buffer.concat([Buffer.from(`${stamp} `), Buffer.from(text)])
  const head = Buffer.alloc(8)
  head[0] = stream
  head.writeUInt32BE(body.length, 4)
  return Buffer.concat([head, body])
}

async function read(bytes: Buffer, chunk = bytes.length) {
  async function* chunks() {
    for (let start = 0; start < bytes.length; start += chunk) yield bytes.subarray(start, start + chunk)
  }
  return Array.fromAsync(readFrames(chunks()))
}

const two = Buffer.concat([frame(1, 'out\n'), frame(2, 'err\r\n')])
const lines = [
  { at, stream: 'stdout', text: 'out' },
  { at, stream: 'stderr', text: 'err' },
]

test('frames become lines with their stream and time, however they are cut on their way', async () => {
  assert.deepEqual(await read(two), lines)
  assert.deepEqual(await read(two, 1), lines)
})

test('a line that the engine cut into pieces is one again: without their timestamps, its characters whole', async () => {
  const text = Buffer.from(`${'x'.repeat(16_383)}é and on\n`)
  const cut = Buffer.concat([
    frame(1, text.subarray(0, 16_384)),
    frame(2, 'between\n'),
    frame(1, text.subarray(16_384), '2026-01-01T00:00:01Z'),
  ])
  assert.deepEqual(await read(cut), [
    { at, stream: 'stderr', text: 'between' },
    { at, stream: 'stdout', text: text.toString().trimEnd() },
  ])
})

test('a line without an end is given at the end of the stream, and cut where it becomes too long', async () => {
  assert.deepEqual(await read(frame(1, 'no end')), [{ at, stream: 'stdout', text: 'no end' }])
  const endless = Buffer.concat(Array.from({ length: 10 }, () => frame(1, 'x'.repeat(16_384))))
  assert.deepEqual(
    (await read(endless)).map(line => line.text.length),
    [65_536, 65_536, 32_768],
  )
})
