import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CustomDomain } from './custom.ts'
import { dial, httpApp, stage } from './fixture.ts'

const challenge = { path: '/.well-known/dormice/x', here: 'it is here' }

/** An edge with one custom domain, and the names that it was asked for. */
async function front(t: Parameters<typeof dial>[0], custom: CustomDomain) {
  const asked: string[] = []
  const app = await httpApp(t, (req, res) => res.end(`app ${req.headers.host}`))
  const { port } = await stage(t, app, {
    custom: name => {
      asked.push(name)
      return name === 'cafe.test' ? custom : undefined
    },
  })
  const ask = async (host: string, path = '/') => {
    const wire = await dial(t, port)
    return wire.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`).end()
  }
  return { ask, asked }
}

test('a host below the domain is not looked up among custom domains', async t => {
  const { ask, asked } = await front(t, { app: 'app', challenge })
  assert.match(await ask('app.localhost'), /app app\.localhost$/)
  assert.match(await ask('nobody.localhost'), /^HTTP\/1\.1 404 /)
  assert.deepEqual(asked, [])
})

test('a custom domain’s requests go to its app, the Host as it came', async t => {
  const { ask, asked } = await front(t, { app: 'app', challenge })
  assert.match(await ask('CAFE.test.:8080'), /app CAFE\.test\.:8080$/)
  assert.deepEqual(asked, ['cafe.test'])
})

test('what is no host name is not looked up', async t => {
  const { ask, asked } = await front(t, { app: 'app', challenge })
  for (const host of ['cafe.test:@evil.test', 'cafe.test:x', 'caf\\e.test']) {
    assert.match(await ask(host), /^HTTP\/1\.1 400 /)
  }
  assert.deepEqual(asked, [])
})

test('the challenge is answered on its one path, whatever becomes of the rest', async t => {
  for (const custom of [{ app: 'app' }, { redirect: 'www.cafe.test' }, {}]) {
    const { ask } = await front(t, { ...custom, challenge })
    assert.match(await ask('cafe.test', challenge.path), /^HTTP\/1\.1 200 [\s\S]*\r\n\r\nit is here\n$/)
    assert.doesNotMatch(await ask('cafe.test', `${challenge.path}y`), /it is here/)
  }
})

test('a custom domain of an app that is gone is unknown', async t => {
  const { ask } = await front(t, { app: 'gone', challenge })
  assert.match(await ask('cafe.test'), /^HTTP\/1\.1 404 [\s\S]*X-Dormice-Error: unknown_host/)
})
