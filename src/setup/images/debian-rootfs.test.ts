import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import type Docker from 'dockerode'
import { Problem } from '../../problem.ts'
import { ensureRootfs } from './debian-rootfs.ts'

/** An engine without images and registry, which notes what is imported, named and removed. */
function emptyEngine() {
  const seen = { imported: '', tags: [] as string[], removed: [] as string[] }
  const engine = {
    pull: () => Promise.reject(new Error('no such host')),
    getImage: (id: string) => ({
      inspect: () => Promise.reject(Object.assign(new Error('no such image'), { statusCode: 404 })),
      tag: async ({ repo, tag }: { repo: string; tag: string }) =>
        void seen.tags.push(`${id} ${repo}:${tag}`),
      remove: async () => void seen.removed.push(id),
    }),
    importImage: (body: Readable, { abortSignal }: { abortSignal: AbortSignal }) =>
      new Promise<Readable>((resolve, reject) => {
        abortSignal.addEventListener('abort', () => reject(new Error('request aborted')))
        buffer(body).then(content => {
          seen.imported = content.toString()
          resolve(Readable.from(['{"status":"sha256:1"}\n']))
        }, reject)
      }),
  }
  return { docker: engine as unknown as Docker, seen }
}

/** Puts a program of that name first on PATH until the test's end. */
function program(t: TestContext, name: string, script: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'dormice-test-'))
  const path = process.env['PATH']
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`)
  chmodSync(join(folder, name), 0o755)
  process.env['PATH'] = `${folder}:${path}`
  t.after(() => {
    process.env['PATH'] = path
    rmSync(folder, { recursive: true })
  })
}

test('where no registry answers, the base is made of packages and named when it is whole', async t => {
  program(t, 'mmdebstrap', 'printf rootfs')
  const { docker, seen } = emptyEngine()
  const lines: string[] = []
  assert.equal(await ensureRootfs(docker, line => lines.push(line)), 'dormice/debian:bookworm')
  assert.deepEqual(seen, { imported: 'rootfs', tags: ['sha256:1 dormice/debian:bookworm'], removed: [] })
  assert.match(lines.join('\n'), /no public image registry \(no such host\)/)
})

test('a bootstrap that fails midway leaves no image, and its own words are the error', async t => {
  program(t, 'mmdebstrap', '[ "$1" = --version ] && exit\nprintf roo\necho "E: mirror is gone" >&2\nexit 1')
  const { docker, seen } = emptyEngine()
  await assert.rejects(
    ensureRootfs(docker, () => {}),
    (error: unknown) =>
      error instanceof Problem &&
      error.code === 'base_unavailable' &&
      /could not be installed from http\S+: E: mirror is gone; see that/.test(error.message),
  )
  assert.deepEqual(seen.tags, [])
  assert.deepEqual(seen.removed, seen.imported === '' ? [] : ['sha256:1'])
})

test('a base that is on the engine already is used as it is', async () => {
  const { docker, seen } = emptyEngine()
  const present = { ...docker, getImage: () => ({ inspect: async () => ({}) }) } as unknown as Docker
  assert.equal(await ensureRootfs(present, () => {}), 'dormice/debian:bookworm')
  assert.deepEqual(seen.tags, [])
})
