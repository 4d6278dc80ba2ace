import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { EngineProxy } from './support/engine-proxy.ts'
import { TestHost } from './support/host.ts'
import { tarOf } from './support/tar.ts'

describe('the engine is lost', () => {
  const engine = new EngineProxy()
  let host: TestHost
  before(async () => {
    await engine.open()
    host = await TestHost.start({ DOCKER_HOST: engine.address })
  })
  after(async () => {
    await host?.[Symbol.asyncDispose]()
    await engine.close()
  })

  const post = async (app: string, files: Record<string, string>) =>
    host.api('POST', `/v1/apps/${app}/releases`, await tarOf(files))
  const server = "require('http').createServer((request, response) => response.end('up')).listen(8080)"

  /** Deploys, takes the engine away as soon as a container of the build runs, and gives it back after the answer. */
  async function loseWhileBuilding(app: string, files: Record<string, string>) {
    const deploying = host.lines('POST', `/v1/apps/${app}/releases`, await tarOf(files))
    let last: any
    for await (const event of deploying) {
      last = event
      if (event.log === 'the build runs') await engine.close()
    }
    await engine.open()
    return last
  }

  test('while a runtime’s build runs: the deploy is told so, and the next one is not in its way', async () => {
    const slow = { 'package.json': JSON.stringify({ scripts: { build: 'echo the build runs; sleep 60' } }) }
    const { error } = await loseWhileBuilding('building', { ...slow, 'index.js': server })
    assert.equal(error.code, 'engine_unavailable')
    assert.equal((await host.containers()).length, 1, 'the build goes on where nobody could stop it')
    assert.equal((await post('building', { 'index.js': server })).status, 201)
    assert.deepEqual(
      (await host.containers()).map(({ Labels }) => Labels['dormice.role']),
      ['instance'],
    )
  })

  test('while an app is awake: its log is refused with a problem, followed or not', async () => {
    assert.equal((await post('chatty', { 'index.js': server })).status, 201)
    await engine.close()
    for (const query of ['', '?follow']) {
      const answer = await host.api('GET', `/v1/apps/chatty/logs${query}`)
      assert.equal(answer.status, 503)
      assert.equal(answer.json.code, 'engine_unavailable')
      assert.equal(answer.headers['retry-after'], '5')
    }
    await engine.open()
  })

  test('before the host starts: a deploy is told so, and succeeds once the engine is back', async () => {
    await host.kill('SIGTERM')
    await engine.close()
    await host.boot()
    const answer = await post('early', { 'index.js': server })
    assert.equal(answer.status, 503)
    assert.equal(answer.json.code, 'not_ready')
    assert.equal(answer.headers['retry-after'], '5')
    await engine.open()
    await host.until('chatty', 'asleep')
    assert.equal((await host.visit('chatty')).body, 'up')
    assert.equal((await post('early', { 'index.js': server })).status, 201)
  })

  test('while a Dockerfile is built: the deploy is told so', async () => {
    const Dockerfile = 'FROM dormice/runtime-node:latest\nRUN echo the build runs; sleep 60\nCMD ["true"]\n'
    const { error } = await loseWhileBuilding('dockerfile', { Dockerfile })
    assert.equal(error.code, 'engine_unavailable')
  })
})
