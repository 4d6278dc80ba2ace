import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { TestHost } from './support/host.ts'
import { tarOf } from './support/tar.ts'

const answering = (text: string) => `export default { fetch: () => new Response(${JSON.stringify(text)}) }`

describe('deploying', () => {
  let host: TestHost
  before(async () => {
    host = await TestHost.start()
  })
  after(() => host[Symbol.asyncDispose]())

  const post = (app: string, body: Buffer, query = '', headers: Record<string, string> = {}) =>
    host.api('POST', `/v1/apps/${app}/releases${query}`, body, headers)

  test('a new release replaces the old one and no request fails meanwhile', async () => {
    await host.deployText('rolling', 'main.js', answering('one'))
    const statuses: number[] = []
    const bodies = new Set<string>()
    const done = new AbortController()
    const visiting = (async () => {
      while (!done.signal.aborted) {
        const answer = await host.visit('rolling')
        statuses.push(answer.status)
        bodies.add(answer.body)
      }
    })()
    for (const text of ['two', 'three', 'four']) await host.deployText('rolling', 'main.js', answering(text))
    done.abort()
    await visiting
    assert.ok(statuses.length > 10)
    assert.deepEqual(new Set(statuses), new Set([200]))
    assert.ok(bodies.has('one'))
    assert.equal((await host.visit('rolling')).body, 'four')
    const { releases } = (await host.api('GET', '/v1/apps/rolling/releases')).json
    assert.deepEqual(
      releases.map((r: { number: number; current: boolean }) => [r.number, r.current]),
      [
        [1, false],
        [2, false],
        [3, false],
        [4, true],
      ],
    )
  })

  test('a build that fails changes nothing, and its error carries the last lines of its log', async () => {
    await host.deployText('building', 'main.js', answering('old'))
    const broken = await tarOf({
      'package.json': JSON.stringify({
        scripts: { build: 'echo the reason is this >&2; exit 7' },
        main: 'main.js',
      }),
      'main.js': answering('new'),
    })
    const answer = await post('building', broken)
    assert.equal(answer.status, 422)
    const problem = JSON.parse(answer.body)
    assert.equal(problem.code, 'build_failed')
    assert.match(problem.detail, /; the app is as it was before$/)
    assert.match(problem.log, /the reason is this/)
    assert.match(readFileSync(join(host.data, 'builds/building/2.log'), 'utf8'), /the reason is this/)
    assert.equal((await host.visit('building')).body, 'old')
    assert.deepEqual(
      (await host.images()).flatMap(image => image.RepoTags).filter(tag => tag?.endsWith('/building:r2')),
      [],
    )
  })

  test('a release that does not become ready is refused with its log, and the old one is back', async () => {
    await host.deployText('starting', 'main.js', answering('old'))
    const answer = await post(
      'starting',
      Buffer.from("console.error('cannot go on'); process.exit(5)"),
      '?filename=main.js',
    )
    assert.equal(answer.status, 422)
    const problem = JSON.parse(answer.body)
    assert.equal(problem.code, 'release_not_ready')
    assert.match(problem.detail, /exit code 5; the app is as it was before$/)
    assert.match(problem.log, /cannot go on/)
    assert.equal(await host.state('starting'), 'awake')
    assert.equal((await host.visit('starting')).body, 'old')
  })

  test('a release that never listens is given up after its start timeout', async () => {
    const silent = await tarOf({
      'dormice.json': JSON.stringify({ startTimeout: '2s', start: 'sleep 1000' }),
      'main.js': '',
    })
    const began = Date.now()
    const answer = await post('silent', silent)
    const { code, detail } = JSON.parse(answer.body)
    assert.equal(code, 'release_not_ready')
    assert.match(detail, /within 2 s; no app was made$/)
    assert.ok(Date.now() - began < 20_000)
    assert.equal((await host.api('GET', '/v1/apps/silent')).status, 404)
    assert.deepEqual(
      (await host.containers()).filter(c => c.Labels['dormice.app'] === 'silent'),
      [],
    )
  })

  test('a deploy keeps what the app wrote, and with fresh drops it', async () => {
    await host.deploy('keeping', 'examples/guestbook')
    const entry = JSON.stringify({ name: 'Mouse', message: 'hello' })
    await host.visit('keeping', '/sign', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: entry,
    })
    await host.deploy('keeping', 'examples/guestbook')
    assert.match((await host.visit('keeping', '/entries')).body, /Mouse/)
    await host.deploy('keeping', 'examples/guestbook', { fresh: true })
    assert.doesNotMatch((await host.visit('keeping', '/entries')).body, /Mouse/)
  })

  test('progress is streamed as one JSON object a line, the build’s log among it, the release last', async () => {
    const app = await tarOf({
      'package.json': JSON.stringify({
        scripts: { build: 'echo step one; echo step two' },
        main: 'main.js',
      }),
      'main.js': answering('ok'),
    })
    const answer = await post('streaming', app, '', { accept: 'application/x-ndjson' })
    const events = answer.body
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    assert.deepEqual(
      events.filter(e => e.step).map(e => e.step),
      ['received', 'detected', 'building', 'switching'],
    )
    const log = events.filter(e => e.log).map(e => e.log)
    assert.ok(log.includes('step one') && log.includes('step two'), log.join('\n'))
    assert.equal(events.at(-1).release.number, 1)
  })

  test('dependencies are installed, and their cache is not in the image', async () => {
    await host.deploy('chatting', 'examples/chat')
    assert.equal((await host.visit('chatting')).status, 200)
    const answer = await host.visit('chatting', '/')
    assert.match(answer.body, /<html/i)
  })

  test('a Procfile’s web line is what runs', async () => {
    const app = await tarOf({
      Procfile: 'web: node other.js\n',
      'main.js': answering('main'),
      'other.js': "require('http').createServer((q, s) => s.end('other')).listen(process.env.PORT)",
    })
    assert.equal((await post('procfile', app)).status, 201)
    assert.equal((await host.visit('procfile')).body, 'other')
  })

  test('an image is deployed with its own command, user and port', async () => {
    // An image on this engine that is nobody’s app: a Dockerfile’s, built through an upload before.
    const dockerfile = await tarOf({
      Dockerfile:
        'FROM dormice/runtime-node\nCOPY serve.js /serve.js\nEXPOSE 9123\nUSER 1000\nENTRYPOINT ["node"]\nCMD ["/serve.js"]\n',
      'serve.js':
        "require('http').createServer((q, s) => s.end('port ' + 9123 + ' uid ' + process.getuid())).listen(9123)",
    })
    assert.equal((await post('dockered', dockerfile)).status, 201)
    assert.equal((await host.visit('dockered')).body, 'port 9123 uid 1000')
    const [{ image }] = (await host.images())
      .flatMap(found => found.RepoTags ?? [])
      .filter(tag => tag.includes('/dockered:r'))
      .map(tag => ({ image: tag })) as [{ image: string }]
    const answer = await host.api('POST', '/v1/apps/imaged/releases', { image })
    assert.equal(answer.status, 201, answer.body)
    assert.equal((await host.visit('imaged')).body, 'port 9123 uid 1000')
    await host.sleep('imaged')
    assert.equal((await host.visit('imaged')).body, 'port 9123 uid 1000')
  })

  test('a Dockerfile’s steps are not on the network of instances, for they may forge addresses on theirs', async () => {
    const main = `require('http')
      .createServer((request, response) => response.end(require('fs').readFileSync('/proc/net/route', 'utf8')))
      .listen(8080)`
    // The engine remembers what an earlier run of the same step made, and not what it printed.
    const steps = [`ENV AT=${Date.now()}`, 'COPY main.js /main.js', 'RUN cat /proc/net/route']
    const Dockerfile = ['FROM dormice/runtime-node:latest', ...steps, 'CMD ["node", "/main.js"]'].join('\n')
    assert.equal((await post('steps', await tarOf({ Dockerfile, 'main.js': main }))).status, 201)
    const gateway = (text: string) => /^\w+\t00000000\t(\w{8})\t/m.exec(text)?.[1]
    const builders = gateway(readFileSync(join(host.data, 'builds/steps/1.log'), 'utf8'))
    const instances = gateway((await host.visit('steps')).body)
    assert.ok(builders)
    assert.ok(instances)
    assert.notEqual(builders, instances)
  })

  test('an image that the engine will not start is refused with what it says', async () => {
    const answer = await post(
      'ghost',
      await tarOf({ Dockerfile: 'FROM dormice/runtime-node:latest\nUSER ghost\nCMD ["node"]\n' }),
    )
    assert.equal(answer.status, 422)
    const problem = JSON.parse(answer.body)
    assert.equal(problem.code, 'release_not_ready')
    assert.match(problem.detail, /unable to find user ghost/)
  })

  test('an image that nobody has is refused with its name', async () => {
    const answer = await host.api('POST', '/v1/apps/missing/releases', { image: 'no-such-image-here:1' })
    assert.equal(answer.status, 422)
    assert.match(answer.body, /image_not_found/)
    assert.match(answer.body, /no-such-image-here/)
    assert.equal((await host.api('GET', '/v1/apps/missing')).status, 404)
  })

  test('a reference that leaves its place in the engine’s API reaches nobody, and the host lives on', async t => {
    // The engine redirects `/images/..//host/x` to `//host/x`, and its client would follow.
    const visits: string[] = []
    const stranger = createServer((request, response) => {
      visits.push(request.url ?? '')
      response.end('{}')
    })
    await new Promise<void>(resolve => stranger.listen(0, '127.0.0.1', resolve))
    t.after(() => stranger.close())
    const { port } = stranger.address() as AddressInfo
    for (const image of [`..//127.0.0.1:${port}`, '../containers']) {
      const answer = await host.api('POST', '/v1/apps/curious/releases', { image })
      assert.equal(answer.status, 400)
      assert.equal(answer.headers['content-type'], 'application/problem+json')
      assert.equal(JSON.parse(answer.body).code, 'invalid_image_reference')
    }
    assert.deepEqual(visits, [])
    assert.equal((await host.visit('dormice', '/healthz')).status, 200)
  })

  test('an upload that fits no runtime lists what was looked for', async () => {
    const answer = await post('odd', await tarOf({ 'notes.txt': 'nothing to run' }))
    assert.equal(answer.status, 422)
    const problem = JSON.parse(answer.body)
    assert.equal(problem.code, 'unknown_app')
    for (const looked of ['package.json', 'index.html', 'requirements.txt', 'Dockerfile'])
      assert.match(problem.detail, new RegExp(looked))
  })

  test('a mistake in dormice.json is named', async () => {
    const answer = await post(
      'odd',
      await tarOf({ 'dormice.json': '{"sleepAfter": "soon"}', 'main.js': answering('x') }),
    )
    assert.equal(answer.status, 422)
    assert.match(answer.body, /sleepAfter/)
  })

  test('more memory than the host has to give is refused before anything is built', async () => {
    const answer = await post('large', await tarOf({ 'dormice.json': '{"memory":"64g"}', 'main.js': '' }))
    assert.equal(answer.status, 422)
    assert.equal(JSON.parse(answer.body).code, 'invalid_manifest')
    assert.match(answer.body, /memory: 68719476736 bytes is more than the host's budget of \d+ bytes/)
  })

  test('two deploys of one app at a time: the second is told to wait', async () => {
    const slow = await tarOf({
      'package.json': JSON.stringify({ scripts: { build: 'sleep 2' }, main: 'main.js' }),
      'main.js': answering('slow'),
    })
    const answers = await Promise.all([post('twice', slow), post('twice', slow)])
    assert.deepEqual(answers.map(answer => answer.status).sort(), [201, 409])
  })

  test('a name that cannot name an app is refused', async () => {
    for (const name of ['dormice', 'Upper', '-dash', 'a'.repeat(41)]) {
      const answer = await post(name, Buffer.from(answering('x')), '?filename=main.js')
      assert.equal(JSON.parse(answer.body).code, 'invalid_app_name', name)
    }
  })

  test('a deleted app leaves nothing on the engine or in the data folder', async () => {
    await host.deploy('going', 'examples/guestbook')
    await host.visit('going', '/sign', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'M', message: 'm' }),
    })
    await host.sleep('going')
    await host.visit('going')
    assert.equal((await host.api('DELETE', '/v1/apps/going')).status, 204)
    assert.equal((await host.visit('going')).status, 404)
    assert.deepEqual(
      (await host.containers()).filter(c => c.Labels['dormice.app'] === 'going'),
      [],
    )
    assert.deepEqual(
      (await host.images()).filter(image => image.Labels['dormice.app'] === 'going'),
      [],
    )
    assert.equal(existsSync(join(host.data, 'builds/going')), false)
    assert.deepEqual(
      readdirSync(join(host.data, 'logs')).filter(file => file.startsWith('going')),
      [],
    )
  })

  test('whoever asks for a log and leaves, or asks for its head only, leaves nothing open', async () => {
    await host.deployText('quiet', 'main.js', answering('hush'))
    const open = () => readdirSync(`/proc/${host.pid}/fd`).length
    const headers = { authorization: `Bearer ${host.token}` }
    const path = '/v1/apps/quiet/logs?follow'
    await host.visit('dormice', path, { method: 'HEAD', headers })
    const before = open()
    for (let n = 0; n < 10; n++) await host.visit('dormice', path, { method: 'HEAD', headers })
    await Promise.all(
      Array.from({ length: 10 }, async () => {
        const left = new AbortController()
        const answer = await host.open('dormice', path, { headers, signal: left.signal })
        left.abort()
        await assert.rejects(answer.body.text())
      }),
    )
    const deadline = Date.now() + 5_000
    while (open() > before && Date.now() < deadline) await new Promise(resolve => setTimeout(resolve, 20))
    assert.ok(open() <= before, `${open()} files are open, ${before} were before`)
  })

  test('nothing of the API but /healthz answers without a token', async () => {
    assert.equal((await host.visit('dormice', '/healthz')).status, 200)
    for (const path of [
      '/v1/apps',
      '/v1/openapi.json',
      '/v1/apps/rolling/logs',
      '/v1/apps/rolling/releases',
      '/v1/nothing',
    ]) {
      const answer = await host.visit('dormice', path)
      assert.equal(answer.status, 401, path)
      assert.equal(answer.headers['content-type'], 'application/problem+json')
      assert.equal(answer.headers['www-authenticate'], 'Bearer')
    }
    const wrong = await host.visit('dormice', '/v1/apps', { headers: { authorization: 'Bearer wrong' } })
    assert.equal(wrong.status, 401)
    assert.equal((await host.api('GET', '/v1/openapi.json')).json.openapi, '3.1.0')
  })
})
