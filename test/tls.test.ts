import assert from 'node:assert/strict'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { join } from 'node:path'
import { after, before, describe, type TestContext, test } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { run } from '../src/cli/fake-host.ts'
import { createEdge } from '../src/edge/edge.ts'
import { HandApp, httpApp } from '../src/edge/fixture.ts'
import { acmeIssuer } from '../src/edge/tls/acme.ts'
import { AutoCertificates, type Issue } from '../src/edge/tls/auto.ts'
import { selfSigned } from '../src/edge/tls/self-signed.ts'
import { silent } from '../src/log.ts'
import { type AcmeServer, elsewhere, here, startAcmeServer, whyNoAcmeServer } from './support/acme-server.ts'
import { newFolder } from './support/folder.ts'
import { TestHost } from './support/host.ts'

const DAY = 24 * 3_600_000
const names = ['app', 'shop', 'one', 'two', 'three', 'lost'].map(name => `${name}.apps.test`)

/** A host's edge with certificates from the CA, as far as that goes without apps. */
class World {
  readonly folder = newFolder('tls')
  readonly served = new Set(names)
  /** Names that an order was placed for. */
  readonly ordered: string[] = []
  /** How far ahead the host's clock is, ms. */
  ahead = 0
  port = 0
  certificates!: AutoCertificates
  readonly #t: TestContext

  constructor(t: TestContext) {
    this.#t = t
  }

  async start(ca: AcmeServer): Promise<this> {
    const t = this.#t
    const app = new HandApp(
      await httpApp(t, (req, res) => res.end(`${req.headers.host} ${req.headers['x-forwarded-proto']}`)),
    )
    const challenges = new Map<string, string>()
    const { folder } = this
    const issue = acmeIssuer({ directory: ca.directory, email: 'you@example.com', folder, challenges })
    const counted: Issue = (name, signal) => {
      this.ordered.push(name)
      return issue(name, signal)
    }
    this.certificates = new AutoCertificates({
      folder,
      issue: counted,
      challenge: token => challenges.get(token),
      serves: host => this.served.has(host),
      log: silent,
      now: () => Date.now() + this.ahead,
    })
    await this.certificates.load()
    const edge = createEdge({
      resolve: () => app,
      control: (_, res) => res.end(),
      domain: 'apps.test',
      log: silent,
      tls: { source: this.certificates },
    })
    await edge.listen({ host: here, port: 80 })
    this.port = (await edge.listenTls({ host: here, port: 0 })).port
    t.after(async () => {
      await edge.close({ drain: 0 })
      await this.certificates[Symbol.asyncDispose]()
    })
    return this
  }

  /** What a visitor gets who trusts the CA and nobody else, and the certificate that it came with. */
  async visit(host: string): Promise<{ body: string; certificate: X509Certificate }> {
    const session = connectHttp2(`https://${host}:${this.port}`, {
      ca: ca.root,
      lookup: (_, __, done) => done(null, [{ address: here, family: 4 }]),
    } as Parameters<typeof connectHttp2>[1])
    this.#t.after(() => session.destroy())
    const body = await textOf(session)
    const { raw } = (session.socket as any).getPeerCertificate()
    session.close()
    return { body, certificate: new X509Certificate(raw) }
  }
}

async function textOf(session: ClientHttp2Session): Promise<string> {
  const failed = once(session, 'error').then(([error]) => Promise.reject(error))
  const stream = session.request()
  // The session's error says more.
  stream.on('error', () => {})
  const chunks: Buffer[] = []
  stream.on('data', chunk => chunks.push(chunk))
  await Promise.race([once(stream, 'end'), failed])
  failed.catch(() => {})
  return Buffer.concat(chunks).toString()
}

let ca: AcmeServer

describe('certificates from a CA by ACME', { skip: await whyNoAcmeServer() }, () => {
  const trusted = getCACertificates('default')
  before(async () => {
    const addresses = Object.fromEntries(names.map(name => [name, here]))
    ca = await startAcmeServer(newFolder('ca'), {
      ...addresses,
      'lost.apps.test': elsewhere,
      'dormice.localhost': here,
    })
    setDefaultCACertificates([...trusted, ca.root])
  })
  after(async () => {
    setDefaultCACertificates(trusted)
    await ca?.[Symbol.asyncDispose]()
  })

  test('the first visit obtains the certificate and is answered, over HTTP/2', async t => {
    const world = await new World(t).start(ca)
    const { body, certificate } = await world.visit('app.apps.test')
    assert.equal(body, `app.apps.test:${world.port} https`)
    assert.equal(certificate.subjectAltName, 'DNS:app.apps.test')
    assert.deepEqual(certificate.publicKey.asymmetricKeyDetails, { namedCurve: 'prime256v1' })
    const again = await world.visit('app.apps.test')
    assert.equal(again.certificate.serialNumber, certificate.serialNumber)
    assert.deepEqual(world.ordered, ['app.apps.test'])
  })

  test('keys are for this user alone', async t => {
    const world = await new World(t).start(ca)
    await world.visit('app.apps.test')
    const files = readdirSync(world.folder, { recursive: true, withFileTypes: true }).filter(file =>
      file.isFile(),
    )
    assert.deepEqual(files.map(({ name }) => name).sort(), ['account.key', 'app.apps.test.pem'])
    for (const { parentPath, name } of files) {
      assert.equal(statSync(join(parentPath, name)).mode & 0o777, 0o600, name)
      assert.equal(createPrivateKey(readFileSync(join(parentPath, name))).asymmetricKeyType, 'ec')
    }
  })

  test('visits to several new hosts at once each get their own certificate', async t => {
    const world = await new World(t).start(ca)
    const hosts = ['one.apps.test', 'two.apps.test', 'three.apps.test', 'one.apps.test']
    const all = await Promise.all(hosts.map(host => world.visit(host)))
    assert.deepEqual(
      all.map(({ certificate }) => certificate.subjectAltName),
      hosts.map(host => `DNS:${host}`),
    )
    assert.equal(world.ordered.length, 3)
  })

  test('a host that is not served is refused, and the CA is not asked', async t => {
    const world = await new World(t).start(ca)
    world.served.delete('shop.apps.test')
    await assert.rejects(world.visit('shop.apps.test'))
    assert.deepEqual(world.ordered, [])
    // As a custom domain is once it was shown whose it is.
    world.served.add('shop.apps.test')
    assert.ok(await world.visit('shop.apps.test'))
  })

  test('a restarted host serves what it had, and asks the CA for nothing', async t => {
    const first = await new World(t).start(ca)
    const { certificate } = await first.visit('app.apps.test')
    const reading = new AutoCertificates({
      folder: first.folder,
      issue: () => assert.fail('nothing is to be asked'),
      challenge: () => undefined,
      serves: () => true,
      log: silent,
    })
    await reading.load()
    const kept = await reading.find('app.apps.test')
    assert.equal(new X509Certificate(kept?.chain ?? '').serialNumber, certificate.serialNumber)
  })

  test('a certificate is renewed in time, by the same account', async t => {
    const world = await new World(t).start(ca)
    const { certificate } = await world.visit('app.apps.test')
    const account = readFileSync(join(world.folder, 'account.key'), 'utf8')
    world.ahead = 0.7 * (certificate.validToDate.getTime() - certificate.validFromDate.getTime())
    await world.certificates.look()
    const renewed = await world.visit('app.apps.test')
    assert.notEqual(renewed.certificate.serialNumber, certificate.serialNumber)
    assert.equal(readFileSync(join(world.folder, 'account.key'), 'utf8'), account)
  })

  test('a name that leads elsewhere is refused, and the status has the CA’s reason', async t => {
    const world = await new World(t).start(ca)
    await assert.rejects(world.visit('lost.apps.test'))
    await assert.rejects(world.visit('lost.apps.test'))
    assert.deepEqual(world.ordered, ['lost.apps.test'])
    const [failure] = world.certificates.status().failures
    assert.equal(failure?.subject, 'lost.apps.test')
    assert.match(failure?.detail ?? '', /could not connect to validation target/)
    assert.ok((await world.visit('app.apps.test')).body)
  })

  test('with the CA gone the certificate from before is served, expired or not', async t => {
    const world = await new World(t).start(ca)
    const { certificate } = await world.visit('app.apps.test')
    await ca.stop()
    world.ahead = DAY
    await world.certificates.look()
    const later = await world.visit('app.apps.test')
    assert.equal(later.certificate.serialNumber, certificate.serialNumber)
    assert.match(world.certificates.status().failures[0]?.detail ?? '', /ECONNREFUSED/)
    // It comes back, and knows nobody.
    await ca.restart()
    world.ahead = DAY + 3_600_000
    await world.certificates.look()
    const renewed = await world.visit('app.apps.test')
    assert.notEqual(renewed.certificate.serialNumber, certificate.serialNumber)
    // The CA's clock did not go forward: what it issues now is over already.
    assert.match(world.certificates.status().failures[0]?.detail ?? '', /is the clock of this machine right/)
  })

  test('a host with DORMICE_TLS=auto has a certificate for itself soon after its start, and doctor says so', async () => {
    await using host = await TestHost.start({
      DORMICE_LISTEN: `${here}:80`,
      DORMICE_TLS: 'auto',
      DORMICE_TLS_LISTEN: '127.0.0.1:0',
      DORMICE_ACME_DIRECTORY: ca.directory,
      NODE_EXTRA_CA_CERTS: ca.rootFile,
    })
    await host.logged('certificate_issued')
    const { tlsPort } = host.log.find(({ event }) => event === 'listening') as { tlsPort: number }
    const { stdout } = await run(['doctor', '--json'], {
      host: { url: `https://dormice.localhost:${tlsPort}` },
      env: { DORMICE_DATA: host.data, DORMICE_TOKEN: host.token, NODE_EXTRA_CA_CERTS: ca.rootFile },
    })
    const { checks } = JSON.parse(stdout) as { checks: { name: string; result: string; detail: string }[] }
    const [https, data] = ['https', 'data'].map(wanted => checks.find(({ name }) => name === wanted))
    assert.equal(https?.result, 'ok')
    assert.match(https.detail, /^1 certificate, which ends on /)
    assert.equal(data?.result, 'ok')
    const session = connectHttp2(`https://127.0.0.1:${tlsPort}`, {
      ca: ca.root,
      servername: 'dormice.localhost',
    })
    const ask = async (path: string, body?: Buffer, token = host.token) => {
      const stream = session.request({
        ':authority': 'dormice.localhost',
        ':path': path,
        ...(body && { ':method': 'POST' }),
        authorization: `Bearer ${token}`,
      })
      stream.end(body)
      const [headers] = await once(stream, 'response')
      stream.resume()
      await once(stream, 'close')
      return headers[':status']
    }
    assert.equal(await ask('/healthz'), 200)
    // Refused before its body has come.
    assert.equal(await ask('/v1/apps/x/releases?filename=x.js', Buffer.alloc(5_000_000), 'wrong'), 401)
    assert.equal(await ask('/v1/apps'), 200)
    session.close()
  })
})

test('a host of which no given certificate names anything says so in doctor, over plain HTTP', async () => {
  const folder = newFolder('tls')
  const { chain, key } = selfSigned({ names: ['elsewhere.test'], notAfter: Date.now() + 30 * DAY })
  writeFileSync(join(folder, 'a.crt'), chain)
  writeFileSync(join(folder, 'a.key'), key)
  await using host = await TestHost.start({
    DORMICE_TLS: 'files',
    DORMICE_TLS_FILES: folder,
    DORMICE_TLS_LISTEN: '127.0.0.1:0',
  })
  const { stdout } = await run(['doctor', '--json'], {
    host: { url: `http://dormice.localhost:${host.port}` },
    env: { DORMICE_DATA: host.data, DORMICE_TOKEN: host.token },
  })
  const { checks } = JSON.parse(stdout) as { checks: { name: string; result: string; detail: string }[] }
  const https = checks.find(({ name }) => name === 'https')
  assert.equal(https?.result, 'failed')
  assert.match(https.detail, /^no certificate names dormice\.localhost, \*\.localhost: /)
})
