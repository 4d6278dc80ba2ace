import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { HOSTILE } from './hostile/corpus.ts'
import { TestHost } from './support/host.ts'

describe('a hostile upload is refused with its code, and nothing of it is left', () => {
  let host: TestHost
  before(async () => {
    host = await TestHost.start()
    // Until then there are images on the engine that it is tried out with.
    await host.logged('engine_probed')
  })
  after(() => host[Symbol.asyncDispose]())

  for (const { name, code, status, bytes, filename, contentType } of HOSTILE) {
    test(name, async () => {
      const query = filename === undefined ? '' : `?filename=${encodeURIComponent(filename)}`
      const headers: Record<string, string> = contentType === undefined ? {} : { 'content-type': contentType }
      const answer = await host.api('POST', `/v1/apps/hostile/releases${query}`, bytes(), headers)
      const problem = JSON.parse(answer.body)
      assert.equal(problem.code, code, answer.body)
      assert.equal(answer.status, status)
      assert.ok(problem.detail.length > 20)
      assert.deepEqual(readdirSync(join(host.data, 'uploads')), [])
      assert.deepEqual(await host.containers(), [])
      assert.deepEqual(await host.images(), [])
      assert.equal((await host.api('GET', '/v1/apps/hostile')).status, 404)
    })
  }

  test('an upload over the limit is refused while it streams', async () => {
    await using small = await TestHost.start({ DORMICE_UPLOAD_MAX: '64k' })
    const answer = await small.api('POST', '/v1/apps/large/releases', Buffer.alloc(1024 * 1024))
    assert.equal(answer.status, 413)
    assert.match(answer.body, /upload_too_large/)
    assert.deepEqual(readdirSync(join(small.data, 'uploads')), [])
  })
})
