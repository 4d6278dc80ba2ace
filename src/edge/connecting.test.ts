import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deafApp, dial, get, httpApp, stage } from './fixture.ts'

const KINDS = [
  ['a plain request', get('/', 'Connection: close')],
  [
    'a request with a body',
    'POST / HTTP/1.1\r\nHost: app.localhost\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody',
  ],
  [
    'a request that expects to be asked for its body',
    'PUT / HTTP/1.1\r\nHost: app.localhost\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody',
  ],
  ['a request for another protocol', get('/', 'Connection: Upgrade', 'Upgrade: x')],
] as const

for (const [name, request] of KINDS) {
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
