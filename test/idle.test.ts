import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import Docker from 'dockerode'
import { networkName } from '../src/engine/docker/network.ts'
import { TestHost } from './support/host.ts'

/**
 * An app that works without being asked: `/spin?ms=…` begins to compute for so long and says `computed` in the log when
 * it is done; `/connect?host=…&port=…` opens a connection and keeps it.
 */
const worker = `
import { spawn } from 'node:child_process'
import { connect } from 'node:net'
const spin = ms => 'const end = Date.now() + ' + ms + '; while (Date.now() < end);'
export default { async fetch(request) {
  const { pathname, searchParams } = new URL(request.url)
  if (pathname === '/spin') {
    spawn(process.execPath, ['-e', spin(searchParams.get('ms'))]).on('exit', code => code === 0 && console.log('computed'))
  } else if (pathname === '/connect') {
    const socket = connect(searchParams.get('port'), searchParams.get('host'))
    await new Promise((resolve, reject) => socket.on('connect', resolve).on('error', reject))
  }
  return new Response('begun')
} }`

describe('what an app does without being asked', () => {
  let host: TestHost
  before(async () => {
    host = await TestHost.start({ DORMICE_SLEEP_AFTER: '1s' })
  })
  after(() => host?.[Symbol.asyncDispose]())

  async function deploy(app: string, idle?: string): Promise<void> {
    await host.deployText(app, 'main.js', worker)
    if (idle) assert.equal((await host.api('PATCH', `/v1/apps/${app}`, { idle })).json.settings.idle, idle)
  }
  const computed = async (app: string) =>
    (await host.api('GET', `/v1/apps/${app}/logs`)).body.includes('computed')

  /** Resolves once an app that was asked something after the other has been put to sleep for idleness. */
  async function another(): Promise<void> {
    await host.visit('measure')
    await host.until('measure', 'asleep')
  }

  test('keeps it awake when its CPU counts, until the work is done; when only requests do, it is cut off', async () => {
    await deploy('computing', 'cpu')
    await deploy('cut-off')
    await host.visit('cut-off', '/spin?ms=60000')
    await host.visit('computing', '/spin?ms=4000')
    await host.until('cut-off', 'asleep')
    assert.equal(await computed('cut-off'), false)
    await host.until('computing', 'asleep')
    assert.equal(await computed('computing'), true)
  })

  test('keeps it awake when its connections count, until the last is closed', async t => {
    const { sockets, address, server } = await listener()
    t.after(() => server.close())
    await deploy('connected', 'connections')
    await deploy('disconnected')
    await deploy('measure', 'connections')
    for (const app of ['connected', 'disconnected'])
      assert.equal((await host.visit(app, `/connect?${address}`)).body, 'begun')
    await host.until('disconnected', 'asleep')
    for (let times = 0; times < 2; times++) await another()
    assert.equal(await host.state('connected'), 'awake')
    for (const socket of sockets) socket.destroy()
    await host.until('connected', 'asleep')
  })
})

/** Listens where containers reach this machine. */
async function listener(): Promise<{ server: Server; sockets: Socket[]; address: URLSearchParams }> {
  const { IPAM } = await new Docker().getNetwork(networkName).inspect()
  const gateway = IPAM?.Config?.[0]?.Gateway
  assert.ok(gateway)
  const sockets: Socket[] = []
  const server = createServer(socket => sockets.push(socket.on('error', () => undefined)))
  server.listen(0, gateway)
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  return { server, sockets, address: new URLSearchParams({ host: gateway, port: String(port) }) }
}
