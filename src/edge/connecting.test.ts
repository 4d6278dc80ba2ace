import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { deafApp, dial, get, httpApp, rawApp, stage } from './fixture.ts'

const KINDS = [
  ['a plain request', get('/', 'Connection: close'), /echo $/],
  [
    'a request with a body',
    'POST / HTTP/1.1\r\nHost: app.localhost\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody',
    /echo body$/,
  ],
  [
    'a request that expects to be asked for its body',
    'PUT / HTTP/1.1\r\nHost: app.localhost\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody',
    /echo body$/,
  ],
  ['a request for another protocol', get('/', 'Connection: Upgrade', 'Upgrade: x'), /echo $/],
] as const

function echoApp(t: Parameters<typeof stage>[0]) {
  return httpApp(t, async (req, res) => {
    let body = ''
    for await (const chunk of req) body += chunk
    res.end(`echo ${body}`)
  })
}

for (const [name, request, answer] of KINDS) {
  test(`${name} that waits for a connection when the instance ends is held, and answered by the next`, async t => {
    const { port, app } = await stage(t, await deafApp(t))
    const upstream = await echoApp(t)
    const visitor = await dial(t, port)
    visitor.write(request)
    await app.until(({ taken }) => taken === 1)
    app.end()
    await app.until(({ waiting }) => waiting.size === 1)
    assert.equal(app.out, 0)
    app.wakeUp(upstream)
    assert.match(await visitor.end(), answer)
    assert.equal(app.taken, 2)
  })

  test(`${name} to an instance that accepts no connection in time is a 502, after one more try`, async t => {
    const { port, app } = await stage(t, await deafApp(t), { limits: { connectTimeout: 50 } })
    let looks = 0
    app.unreachable = async () => void looks++
    const visitor = await dial(t, port)
    visitor.write(request)
    await visitor.until('X-Dormice-Error: app_unreachable')
    await app.idle()
    assert.deepEqual([app.taken, looks], [2, 1])
  })

  test(`${name} may take longer to be answered than a connection to be accepted`, async t => {
    const upstream = await httpApp(t, (_, res) => setTimeout(() => res.end('late'), 300))
    const { port } = await stage(t, upstream, { limits: { connectTimeout: 100 } })
    const visitor = await dial(t, port)
    await visitor.write(request).until('late')
  })
}

/** An app that never answers; `asked` resolves once it has a request. */
async function silentApp(t: Parameters<typeof stage>[0]) {
  const { promise: asked, resolve } = Promise.withResolvers<void>()
  const upstream = await rawApp(t, async wire => {
    await wire.until('\r\n\r\n')
    resolve()
  })
  return { upstream, asked }
}

test('a request that waits for an answer when the instance’s network goes is held, and answered by the next', async t => {
  const { upstream, asked } = await silentApp(t)
  const { port, app } = await stage(t, upstream)
  const visitor = await dial(t, port)
  visitor.write(get('/', 'Connection: close'))
  await asked
  app.end({ cutOff: true })
  await app.until(({ waiting }) => waiting.size === 1)
  app.wakeUp(await echoApp(t))
  assert.match(await visitor.end(), /echo $/)
})

for (const [name, request] of KINDS.slice(1)) {
  test(`${name} that waits for an answer when the instance’s network goes is a 502: it may have been done`, async t => {
    const { upstream, asked } = await silentApp(t)
    const { port, app } = await stage(t, upstream)
    const visitor = await dial(t, port)
    visitor.write(request)
    await asked
    app.end({ cutOff: true })
    const answer = await visitor.until('\r\n\r\n')
    assert.match(answer, /^HTTP\/1\.1 502 .*X-Dormice-Error: app_broken_answer\r\n/s)
    assert.doesNotMatch(answer, /Retry-After/)
    await app.idle()
  })
}

/** The connections that are begun from now on. */
function connections(t: Parameters<typeof stage>[0]): Socket[] {
  const begun: Socket[] = []
  const began = (message: unknown) => void begun.push((message as { socket: Socket }).socket)
  subscribe('net.client.socket', began)
  t.after(() => unsubscribe('net.client.socket', began))
  return begun
}

for (const [name, request] of KINDS.slice(1)) {
  test(`${name} whose connection is given up by the system is a 502: it may have been done`, async t => {
    const { upstream, asked } = await silentApp(t)
    const { port, app } = await stage(t, upstream)
    const visitor = await dial(t, port)
    const begun = connections(t)
    visitor.write(request)
    await asked
    const [connection] = begun.filter(({ remotePort }) => remotePort === upstream.port)
    connection?.destroy(Object.assign(new Error('read ETIMEDOUT'), { code: 'ETIMEDOUT' }))
    const answer = await visitor.until('\r\n\r\n')
    assert.match(answer, /^HTTP\/1\.1 502 .*X-Dormice-Error: app_broken_answer\r\n/s)
    assert.doesNotMatch(answer, /Retry-After/)
    await app.idle()
    assert.equal(app.taken, 1)
  })
}

test('an answer that was on its way when the instance ended arrives', async t => {
  const upstream = await rawApp(t, async wire => {
    await wire.until('\r\n\r\n')
    app.end()
    wire.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nlast words')
  })
  const { port, app } = await stage(t, upstream)
  const visitor = await dial(t, port)
  await visitor.write(get()).until('last words')
  await app.idle()
})

test('a lease of an instance that ended before anything was sent is exchanged for one of the next', async t => {
  const { port, app } = await stage(t, await deafApp(t))
  const upstream = await echoApp(t)
  const lease = app.lease.bind(app)
  app.lease = () => {
    const first = lease()
    if (app.taken === 1) app.end()
    return first
  }
  const visitor = await dial(t, port)
  visitor.write(get('/', 'Connection: close'))
  await app.until(({ waiting }) => waiting.size === 1)
  app.wakeUp(upstream)
  assert.match(await visitor.end(), /echo $/)
})

test('a request that met two instances that ended is a 502', async t => {
  const { port, app } = await stage(t, await deafApp(t))
  const next = await deafApp(t)
  const visitor = await dial(t, port)
  visitor.write(get())
  await app.until(({ taken }) => taken === 1)
  app.end()
  await app.until(({ waiting }) => waiting.size === 1)
  app.wakeUp(next)
  app.end()
  await visitor.until('X-Dormice-Error: app_unreachable')
  await app.idle()
})
