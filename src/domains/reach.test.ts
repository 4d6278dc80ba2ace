import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net'
import { type TestContext, test } from 'node:test'
import { isPublic, reach } from './reach.ts'

const path = '/.well-known/dormice/x'

async function listening(t: TestContext, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return (server.address() as AddressInfo).port
}

/** Asks a server on 127.0.0.1, as the host's own address. */
async function ask(t: TestContext, listener: RequestListener, timeout?: number) {
  const server = createServer(listener)
  t.after(() => server.closeAllConnections())
  const port = await listening(t, server)
  const addresses = ['127.0.0.1']
  const options = { port, ...(timeout !== undefined && { timeout }) }
  return reach({ domain: 'shop.test', path, addresses, own: addresses }, options)
}

test('the name is asked for the path, and what it answers is told', async t => {
  const asked: unknown[] = []
  const reached = await ask(t, (req, res) => {
    asked.push(req.method, req.url, req.headers.host, req.headers.authorization, req.headers.cookie)
    res.end('hello')
  })
  assert.deepEqual(reached, { kind: 'answer', status: 200, text: 'hello' })
  assert.deepEqual(asked, ['GET', path, 'shop.test', undefined, undefined])
})

test('a redirect is not followed', async t => {
  let asked = 0
  const reached = await ask(t, (_, res) => {
    asked++
    res.writeHead(302, { location: path }).end('moved')
  })
  assert.deepEqual(reached, { kind: 'answer', status: 302, text: 'moved' })
  assert.equal(asked, 1)
})

test('of an endless answer the beginning is read, and the connection closed', async t => {
  const closed = Promise.withResolvers<void>()
  const reached = await ask(t, (_, res) => {
    const more = () => {
      while (res.write('x'.repeat(1000)));
    }
    res.on('drain', more).on('close', closed.resolve)
    more()
  })
  assert.deepEqual(reached, { kind: 'answer', status: 200, text: 'x'.repeat(1024) })
  await closed.promise
})

test('a server that does not answer, or never ends, is given up', async t => {
  const silent = await ask(t, () => undefined, 100)
  const slow = await ask(t, (_, res) => void res.write('x'), 100)
  assert.deepEqual([silent, slow], [{ kind: 'silent' }, { kind: 'silent' }])
})

test('a server that answers with another protocol is silent', async t => {
  const head = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
  const server = createTcpServer(socket =>
    socket.on('error', () => {}).once('data', () => socket.write(head)),
  )
  const port = await listening(t, server)
  const question = { domain: 'shop.test', path, addresses: ['127.0.0.1'], own: ['127.0.0.1'] }
  assert.deepEqual(await reach(question, { port }), { kind: 'silent' })
})

test('what does not speak HTTP, and nobody, are silent', async t => {
  const port = await listening(
    t,
    createTcpServer(socket => socket.end('SSH-2.0-x\r\n')),
  )
  const own = ['127.0.0.1', '127.0.0.2']
  const question = { domain: 'shop.test', path, own }
  assert.deepEqual(await reach({ ...question, addresses: ['127.0.0.1'] }, { port }), { kind: 'silent' })
  assert.deepEqual(await reach({ ...question, addresses: ['127.0.0.2'] }, { port }), { kind: 'silent' })
})

test('another of its addresses is tried', async t => {
  const port = await listening(
    t,
    createServer((_, res) => res.end('here')),
  )
  const addresses = ['127.0.0.2', '127.0.0.1']
  const reached = await reach({ domain: 'shop.test', path, addresses, own: addresses }, { port })
  assert.deepEqual(reached, { kind: 'answer', status: 200, text: 'here' })
})

test('addresses of private networks are not asked, unless the host’s own names have them', async t => {
  let asked = 0
  const port = await listening(
    t,
    createServer((_, res) => {
      asked++
      res.end()
    }),
  )
  const addresses = [
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '169.254.169.254',
    '172.31.0.1',
    '192.168.1.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:0:7f00:1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::1',
    'fd00::1',
    'fe80::1',
    'ff02::1',
  ]
  for (const address of addresses) {
    const reached = await reach(
      { domain: 'shop.test', path, addresses: [address], own: ['192.0.2.1'] },
      { port },
    )
    assert.deepEqual(reached, { kind: 'private' }, address)
  }
  assert.equal(asked, 0)
})

test('addresses of the Internet are asked, those beside closed networks too', () => {
  const addresses = [
    '1.1.1.1',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '126.255.255.255',
    '172.15.255.255',
    '172.32.0.0',
    '192.0.1.0',
    '192.167.255.255',
    '198.20.0.0',
    '223.255.255.255',
    '2001:4860:4860::8888',
    '2003::1',
    '2606:4700::1111',
  ]
  assert.deepEqual(
    addresses.filter(address => !isPublic(address)),
    [],
  )
})
