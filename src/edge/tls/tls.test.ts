import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { Networks } from '../../networks.ts'
import { dial, get, httpApp, Wire } from '../fixture.ts'
import { certificateFor, dialHttp2, dialTls, secureStage } from './fixture.ts'

test('a request over TLS reaches the app, which is told so', async t => {
  const upstream = await httpApp(t, (req, res) => res.end(String(req.headers['x-forwarded-proto'])))
  const { tlsPort } = await secureStage(t, upstream)
  const wire = new Wire(await dialTls(t, tlsPort))
  assert.match(await wire.write(get()).until('https'), /^HTTP\/1\.1 200 OK/)
})

test('the certificate is the one for the host that the visitor names, whatever its case', async t => {
  const { tlsPort, certificates } = await secureStage(t, undefined)
  const socket = await dialTls(t, tlsPort, { host: 'App.localhost' })
  assert.deepEqual(certificates.asked, ['app.localhost'])
  assert.equal(socket.getPeerX509Certificate()?.subjectAltName, 'DNS:app.localhost')
})

test('a host without a certificate is refused in the handshake', async t => {
  const { tlsPort } = await secureStage(t, undefined)
  await assert.rejects(dialTls(t, tlsPort, { host: 'other.localhost' }), { code: /ALERT_HANDSHAKE_FAILURE/ })
})

test('HTTP/2 is spoken with who offers it, HTTP/1.1 with all others', async t => {
  const { tlsPort } = await secureStage(t, undefined)
  assert.equal((await dialTls(t, tlsPort, { alpn: ['h2', 'http/1.1'] })).alpnProtocol, 'h2')
  assert.equal((await dialTls(t, tlsPort, { alpn: ['http/1.1'] })).alpnProtocol, 'http/1.1')
  assert.equal((await dialTls(t, tlsPort, { alpn: [] })).alpnProtocol, false)
})

test('a handshake is held while its certificate is being obtained', async t => {
  const { tlsPort, certificates } = await secureStage(t, undefined)
  const late = Promise.withResolvers<ReturnType<typeof certificateFor>>()
  certificates.byName.set('late.localhost', late.promise)
  const dialling = dialTls(t, tlsPort, { host: 'late.localhost' })
  late.resolve(certificateFor('late.localhost'))
  assert.equal((await dialling).authorized, false)
})

test('a handshake is not held for longer than its bound', async t => {
  const { tlsPort, certificates } = await secureStage(t, undefined, { limits: { certificateTimeout: 20 } })
  certificates.byName.set('never.localhost', new Promise(() => {}))
  await assert.rejects(dialTls(t, tlsPort, { host: 'never.localhost' }), { code: /ALERT_HANDSHAKE_FAILURE/ })
})

test('a certificate that fails to come refuses the handshake, and nothing else', async t => {
  const { tlsPort, certificates } = await secureStage(t, undefined)
  const failing = Promise.reject(new Error('no'))
  failing.catch(() => {})
  certificates.byName.set('broken.localhost', failing)
  await assert.rejects(dialTls(t, tlsPort, { host: 'broken.localhost' }))
  assert.ok(await dialTls(t, tlsPort))
})

test('a new certificate is served to the next visitor', async t => {
  const { tlsPort, certificates } = await secureStage(t, undefined)
  const serial = async () => (await dialTls(t, tlsPort)).getPeerX509Certificate()?.serialNumber
  const before = await serial()
  certificates.byName.set('app.localhost', certificateFor('app.localhost'))
  assert.notEqual(await serial(), before)
})

test('what comes without TLS is sent to HTTPS, method and query as they are', async t => {
  const { port, tlsPort } = await secureStage(t, undefined)
  const wire = await dial(t, port)
  const answer = await wire.write(get('/a?b=c')).until('\r\n\r\n')
  assert.match(answer, /^HTTP\/1\.1 308 /)
  assert.ok(answer.includes(`\r\nLocation: https://app.localhost:${tlsPort}/a?b=c\r\n`), answer)
})

test('the control API is sent to HTTPS too, and a host that is not here is not', async t => {
  const { port } = await secureStage(t, undefined)
  const wire = await dial(t, port)
  await wire.write('GET / HTTP/1.1\r\nHost: dormice.localhost\r\n\r\n').until('HTTP/1.1 308')
  await wire.write('GET / HTTP/1.1\r\nHost: other.localhost\r\n\r\n').until('HTTP/1.1 404')
})

test('a host that has no certificate is served without', async t => {
  const upstream = await httpApp(t, (_, res) => res.end('hello'))
  const { port, certificates } = await secureStage(t, upstream)
  certificates.byName.delete('app.localhost')
  const wire = await dial(t, port)
  await wire.write(get()).until('hello')
  await wire.write('GET / HTTP/1.1\r\nHost: Dormice.localhost:80\r\n\r\n').until('HTTP/1.1 308')
})

test('whether the host is healthy can be asked without TLS', async t => {
  const { port } = await secureStage(t, undefined)
  const wire = await dial(t, port)
  await wire.write('GET /healthz HTTP/1.1\r\nHost: dormice.localhost\r\n\r\n').until('HTTP/1.1 200')
})

test('what a proxy of ours passes on is not sent elsewhere', async t => {
  const upstream = await httpApp(t, (_, res) => res.end('hello'))
  const trust = new Networks([{ address: '127.0.0.1', prefix: 32, family: 'ipv4' }])
  const { port } = await secureStage(t, upstream, { trust })
  const wire = await dial(t, port)
  await wire.write(get('/', 'X-Forwarded-Proto: https')).until('hello')
})

test('a challenge of the CA is answered without TLS, to the letter and without waking the app', async t => {
  const { port, certificates, app } = await secureStage(t, undefined)
  certificates.challenges.set('token', 'token.thumbprint')
  const wire = await dial(t, port)
  await wire.write(get('/.well-known/acme-challenge/token', 'Accept: text/html')).until('token.thumbprint')
  assert.match(wire.received, /^HTTP\/1\.1 200 OK\r\nContent-Type: text\/plain/)
  assert.match(wire.received, /\r\n\r\ntoken\.thumbprint$/)
  assert.equal(app.waiting.size, 0)
})

test('a challenge of nobody here is the app’s own matter', async t => {
  const upstream = await httpApp(t, (req, res) => res.end(`mine ${req.url}`))
  const { port } = await secureStage(t, upstream)
  const wire = await dial(t, port)
  await wire.write(get('/.well-known/acme-challenge/other')).until('mine /.well-known/acme-challenge/other')
})

test('browsers are told to come by HTTPS only where that is wanted, and over TLS only', async t => {
  const upstream = await httpApp(t, (_, res) => res.end('hello'))
  const withHsts = await secureStage(t, upstream, { hsts: 3600 })
  const secured = new Wire(await dialTls(t, withHsts.tlsPort))
  assert.match(await secured.write(get()).until('hello'), /\r\nStrict-Transport-Security: max-age=3600\r\n/)
  const plain = await dial(t, withHsts.port)
  await plain.write(get()).until('\r\n\r\n')
  assert.doesNotMatch(plain.received, /strict-transport/i)
  const without = await secureStage(t, upstream)
  const other = new Wire(await dialTls(t, without.tlsPort))
  assert.doesNotMatch(await other.write(get()).until('hello'), /strict-transport/i)
})

test('a WebSocket goes through TLS', async t => {
  const echo = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  t.after(() => echo.close())
  echo.on('connection', socket => socket.on('message', data => socket.send(`echo ${data}`)))
  await once(echo, 'listening')
  const { port } = echo.address() as AddressInfo
  const { app, tlsPort } = await secureStage(t, { host: '127.0.0.1', port })
  const secured = await dialTls(t, tlsPort)
  const client = new WebSocket('wss://app.localhost/', {
    headers: { Host: 'app.localhost' },
    rejectUnauthorized: false,
    createConnection: () => secured,
  })
  await once(client, 'open')
  client.send('hello')
  const [message] = await once(client, 'message')
  assert.equal(String(message), 'echo hello')
  client.close()
  await once(client, 'close')
  await app.idle()
})

test('closing lets an answer over TLS finish, and closes idle connections and handshakes', async t => {
  const begun = Promise.withResolvers<(text: string) => void>()
  const upstream = await httpApp(t, (_, res) => {
    res.write('first ')
    begun.resolve(text => res.end(text))
  })
  const { edge, tlsPort, port } = await secureStage(t, upstream)
  const busy = new Wire(await dialTls(t, tlsPort))
  const idle = new Wire(await dialTls(t, tlsPort))
  const shaking = await dial(t, tlsPort)
  assert.ok(port)
  busy.write(get())
  await busy.until('first ')
  const closed = edge.close()
  await idle.end()
  await shaking.end()
  ;(await begun.promise)('last')
  await busy.until('last')
  await closed
  await busy.end()
})

test('an HTTP/1.0 answer that its app breaks off over TLS does not look whole', async t => {
  const upstream = await httpApp(t, (_, res) => {
    res.write('half')
    setImmediate(() => res.socket?.resetAndDestroy())
  })
  const { tlsPort, app } = await secureStage(t, upstream)
  const wire = new Wire(await dialTls(t, tlsPort))
  await wire.write('GET / HTTP/1.0\r\nHost: app.localhost\r\n\r\n').end()
  assert.equal(wire.error, 'ECONNRESET')
  await app.idle()
})

test('HTTP/2 without TLS is not spoken', async t => {
  const { port } = await secureStage(t, undefined)
  const wire = await dial(t, port)
  assert.match(await wire.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n').end(), /^HTTP\/1\.1 (400|505) /)
  await assert.rejects(dialHttp2(t, port))
})
