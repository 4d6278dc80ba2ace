import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import type Docker from 'dockerode'
import { ProgressError, readProgress } from '../../engine/docker/progress.ts'
import { Problem } from '../../problem.ts'
import { buildImage } from './build-image.ts'
import { contextTar } from './context.ts'

const streamOf = (...lines: object[]) => Readable.from(lines.map(line => `${JSON.stringify(line)}\r\n`))

test('a failure that the engine reports inside its answer is thrown, with what was said before', async () => {
  const stream = streamOf({ stream: 'Step 1/2\n' }, { stream: 'E: no mirror\n' }, { error: 'returned 100\n' })
  await assert.rejects(readProgress(stream), (error: unknown) => {
    assert.ok(error instanceof ProgressError)
    assert.equal(error.message, 'returned 100')
    assert.deepEqual(error.log, ['Step 1/2', 'E: no mirror'])
    return true
  })
})

test('a line that comes in pieces is read as one', async () => {
  const seen: unknown[] = []
  await readProgress(Readable.from(['{"stat', 'us":"pulling"}\n{"status"', ':"done"}']), line =>
    seen.push(line),
  )
  assert.deepEqual(seen, [{ status: 'pulling' }, { status: 'done' }])
})

test('a failed build says which image, why, and what to look at', async () => {
  const docker = {
    buildImage: async (context: Readable) => {
      context.resume()
      return streamOf({ stream: 'E: Unable to fetch some archives\n' }, { error: 'returned 100' })
    },
  } as unknown as Docker
  const build = { what: 'runtime image python', reference: 'x:1', context: contextTar([]), args: {} }
  await assert.rejects(buildImage(docker, build), (error: unknown) => {
    assert.ok(error instanceof Problem)
    assert.equal(error.code, 'runtime_build_failed')
    assert.match(error.message, /runtime image python .* returned 100 \(E: Unable to fetch .*run again$/)
    return true
  })
})

test('a context whose source breaks ends the build with the source’s error', async () => {
  const docker = {
    buildImage: (context: Readable, { abortSignal }: { abortSignal: AbortSignal }) =>
      new Promise((_, reject) => {
        context.resume()
        abortSignal.addEventListener('abort', () => reject(new Error('request aborted')))
      }),
  } as unknown as Docker
  const broken = contextTar(
    (async function* () {
      yield { name: 'Dockerfile', mode: 0o644, text: 'FROM scratch\n' }
      throw new Error('disk is gone')
    })(),
  )
  const build = { what: 'runtime image node', reference: 'x:1', context: broken, args: {} }
  await assert.rejects(buildImage(docker, build), /disk is gone/)
})
