import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import Docker from 'dockerode'
import { type Answer, TestHost } from './support/host.ts'
import { Search } from './support/search.ts'

const docker = new Docker()

/** 192 random bits that no escaping changes. */
const newValue = () => randomBytes(24).toString('hex')

test('a search finds a value however it is wrapped, and across the parts of a stream', async () => {
  const value = newValue()
  const search = new Search({ planted: value, absent: newValue() })
  const wrapped = [
    `x${value}x`,
    Buffer.from(`env=${value};`).toString('hex'),
    ...['', 'x', 'xx'].map(before => Buffer.from(`${before}${value}xyz`).toString('base64url')),
  ]
  for (const text of wrapped) {
    assert.deepEqual(search.inText(text), ['planted'], text)
    for (const bytes of [Buffer.from(text), gzipSync(gzipSync(text))]) {
      const parts = [bytes.subarray(0, 30), bytes.subarray(30)]
      assert.deepEqual([...(await search.inStream(Readable.from(parts)))], ['planted'], text)
    }
  }
})

/** Shows that its environment reached it, writes to its disk and its log, and crashes without a word when told to. */
const app = `
  import { createHash } from 'node:crypto'
  import { appendFileSync } from 'node:fs'
  if (process.env.CRASH) process.exit(3)
  export default {
    fetch(request) {
      const { pathname } = new URL(request.url)
      if (pathname === '/exit') process.exit(4)
      appendFileSync('shown', process.env.SHOWN ?? '')
      console.log(process.env.SHOWN)
      const value = process.env[pathname.slice(1)] ?? ''
      return new Response(createHash('sha256').update(value).digest('hex'))
    }
  }`

test('an app’s only secret is in none of its images, also where it ends like a key in Base64', async () => {
  const value = newValue()
  await using host = await TestHost.start()
  await host.deployText('padded', 'main.js', app)
  assert.equal((await host.api('PUT', '/v1/apps/padded/env/KEY', { value: `${value}==` })).status, 204)
  assert.equal((await host.api('POST', '/v1/apps/padded/restart')).status, 200)
  const hash = createHash('sha256').update(`${value}==`).digest('hex')
  assert.equal((await host.visit('padded', '/KEY')).body, hash)
  assert.equal((await host.api('POST', '/v1/apps/padded/snapshots')).status, 201)
  await host.visit('padded', '/KEY')
  await host.sleep('padded')
  const filters = { label: [`dormice.host=${host.id}`] }
  const images = await docker.listImages({ all: true, filters })
  assert.ok(images.length >= 2, `${images.length} images`)
  assert.deepEqual(await new Search({ value }).inImages(images.map(({ Id }) => Id)), [])
})

test('an app’s environment is in no image, file, log line or answer, but for what the app itself shows', async () => {
  const values = {
    SHOWN: newValue(),
    KEPT: newValue(),
    REPLACED: newValue(),
    REMOVED: newValue(),
    QUOTED: newValue(),
    SEVERAL: newValue(),
    CRASHING: newValue(),
    REFUSED: newValue(),
  }
  const search = new Search(values)
  await using host = await TestHost.start()
  const answers: { to: string; answer: Answer }[] = []
  const api = async (method: string, path: string, body?: unknown) => {
    const headers = typeof body === 'string' ? { 'content-type': 'application/json' } : undefined
    const answer = await host.api(method, path, body, headers)
    answers.push({ to: `${answers.length} ${method}`, answer })
    return answer
  }
  const visit = async (path: string) => {
    const answer = await host.visit('keeper', path)
    answers.push({ to: `visit ${path}`, answer })
    return answer
  }
  const has = async (key: string, value: string) => {
    const hash = createHash('sha256').update(value).digest('hex')
    assert.equal((await visit(`/${key}`)).body, hash, key)
  }
  const done = async (method: string, path: string, body?: unknown) => {
    const { status, body: said } = await api(method, path, body)
    assert.ok(status === 200 || status === 201 || status === 204, `${method} ${path}: ${said}`)
  }
  const env = '/v1/apps/keeper/env'

  await host.deployText('keeper', 'main.js', app)
  await done('PUT', `${env}/KEPT`, { value: values.KEPT })
  await done('PUT', `${env}/REPLACED`, { value: values.REPLACED })
  await done('PUT', `${env}/REMOVED`, { value: values.REMOVED })
  await done('PUT', `${env}/SHOWN`, { value: values.SHOWN })
  const quoted = `"first" line\n$HOME '${values.QUOTED}' \\ Größe`
  await done('PATCH', env, { QUOTED: quoted, SEVERAL: values.SEVERAL })
  await done('POST', '/v1/apps/keeper/restart')
  for (const key of ['KEPT', 'REPLACED', 'REMOVED', 'SEVERAL', 'SHOWN'] as const) await has(key, values[key])
  await has('QUOTED', quoted)

  // Removed and replaced while a container has them.
  await done('DELETE', `${env}/REMOVED`)
  await done('PUT', `${env}/REPLACED`, { value: 'another' })
  await done('POST', '/v1/apps/keeper/sleep')
  await has('REMOVED', '')
  await has('REPLACED', 'another')
  await has('KEPT', values.KEPT)

  // Killed with the database's log full and a container awake, and it goes on.
  await host.kill('SIGKILL')
  const shown = (found: string[]) => found.filter(one => !one.endsWith(': SHOWN'))
  assert.deepEqual(shown(await search.inFolder(host.data)), [])
  await host.boot()
  await has('KEPT', values.KEPT)

  const { REFUSED } = values
  const refused: [string, string, unknown][] = [
    ['PUT', `${env}/LONG`, { value: REFUSED + 'x'.repeat(64 * 1024) }],
    ['PUT', `${env}/ZERO`, { value: `${REFUSED}\0` }],
    ['PUT', `${env}/KEY`, { [REFUSED]: 'KEY' }],
    ['PUT', `${env}/KEY`, { value: [REFUSED] }],
    ['PUT', `${env}/KEY`, `{"value": "${REFUSED}`],
    ['PUT', `${env}/KEY`, REFUSED],
    ['PUT', `${env}/${REFUSED}!`, { value: 'KEY' }],
    ['PUT', `${env}/PORT`, { value: REFUSED }],
    ['PUT', '/v1/apps/nobody/env/KEY', { value: REFUSED }],
    ['PATCH', env, { [`${REFUSED}!`]: 'KEY' }],
    ['PATCH', env, { FINE: REFUSED, LONG: 'x'.repeat(65 * 1024) }],
    ['DELETE', `${env}/UNKNOWN_${REFUSED}`, undefined],
    ['PATCH', '/v1/apps/keeper', { env: { KEY: REFUSED } }],
    ['POST', env, { KEY: REFUSED }],
  ]
  for (const [method, path, body] of refused) {
    const { status } = await api(method, path, body)
    assert.ok(status >= 400 && status < 500, `${method} ${path.slice(0, 40)}: ${status}`)
  }

  // Crashes while it serves, while it wakes, and as a new release.
  await done('PATCH', env, { CRASHING: values.CRASHING })
  await done('POST', '/v1/apps/keeper/restart')
  await visit('/exit')
  await host.until('keeper', 'crashed')
  await done('POST', '/v1/apps/keeper/wake')
  await done('PUT', `${env}/CRASH`, { value: 'yes' })
  assert.equal((await api('POST', '/v1/apps/keeper/restart')).status, 503)
  assert.equal((await visit('/')).status, 503)
  await done('GET', '/v1/apps/keeper')
  const crashing = await api('POST', '/v1/apps/keeper/releases?filename=main.js&fresh=true', Buffer.from(app))
  assert.equal(crashing.status, 422, crashing.body)
  await done('DELETE', `${env}/CRASH`)
  await done('POST', '/v1/apps/keeper/wake')
  await has('CRASHING', values.CRASHING)
  await done('POST', '/v1/apps/keeper/sleep')

  for (const path of [
    '/v1/apps',
    '/v1/apps/keeper',
    '/v1/apps/keeper/releases',
    '/v1/apps/keeper/snapshots',
    env,
    '/v1/openapi.json',
    '/',
    '/healthz',
  ]) {
    await done('GET', path)
  }
  const { snapshots } = (await api('GET', '/v1/apps/keeper/snapshots')).json
  assert.ok(snapshots.length >= 2, `${snapshots.length} snapshots`)
  const { token } = host
  await host.kill('SIGTERM')

  for (const { to, answer } of answers) {
    assert.deepEqual(search.inText(JSON.stringify([answer.headers, answer.body])), [], to)
  }
  assert.deepEqual(search.inText(host.stderr.join('\n')), [])
  assert.deepEqual(new Search({ token }).inText(host.stderr.join('\n')), [])
  assert.ok(host.stderr.some(line => line.includes('"event":"listening"')))

  const files = await search.inFolder(host.data)
  assert.deepEqual(shown(files), [])
  assert.ok(
    files.some(one => one.startsWith(join(host.data, 'logs'))),
    'the app’s own log is searched',
  )
  assert.deepEqual(await new Search({ token }).inFolder(host.data), [
    `${join(host.data, 'admin-token')}: token`,
  ])
  assert.equal(statSync(join(host.data, 'key')).mode & 0o777, 0o600)

  const filters = { label: [`dormice.host=${host.id}`] }
  const images = await docker.listImages({ all: true, filters })
  assert.ok(images.length > snapshots.length)
  const inImages = await search.inImages(images.map(image => image.Id))
  assert.deepEqual(shown(inImages), [])
  assert.notEqual(inImages.length, 0, 'the layers that the app wrote are searched')
})
