import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { join, relative } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import Docker from 'dockerode'
import { readProgress } from '../src/engine/docker/progress.ts'
import { packageRoot } from '../src/paths.ts'
import { runtimeImages } from '../src/setup/images/runtime-images.ts'
import { removeAllOf, removeImages } from './support/cleanup.ts'
import { call, containersOf, imagesOf, visit } from './support/published.ts'

const docker = new Docker()
const name = `dormice-image-test-${process.pid}`
/** Any image with Node and npm will do, and no registry is needed for ours. */
const base = runtimeImages().node
const bundle = '/etc/ssl/certs/ca-certificates.crt'

/** Tells how often it was started: its starts count in a file. */
const counter = Buffer.from(`
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
const starts = (existsSync('starts') ? Number(readFileSync('starts', 'utf8')) : 0) + 1
writeFileSync('starts', String(starts))
export default { fetch: () => new Response(String(starts)) }
`)

describe('the image of the host', () => {
  let container: Docker.Container
  let health: AsyncIterator<string>
  let admin: { port: number; token: string }
  /** Id that labels what this host owns on the engine. */
  let host: string | undefined

  before(async () => {
    await build()
    const port = await freePort()
    container = await docker.createContainer({
      name,
      Image: name,
      Env: [`DORMICE_LISTEN=127.0.0.1:${port}`, `DORMICE_URL=http://dormice.localhost:${port}`],
      // The image's own check, asked more often.
      Healthcheck: { Interval: 1e9 },
      HostConfig: {
        Init: true,
        NetworkMode: 'host',
        Binds: [`${socket()}:/var/run/docker.sock`, `${name}:/var/lib/dormice`],
      },
    })
    health = await watchHealth(container)
    await container.start()
    assert.equal(await nextHealth(container, health), 'health_status: healthy')
    admin = { port, token: await inside(container, ['cat', '/var/lib/dormice/admin-token']) }
    host = await inside(container, ['node', '-p', hostIdScript], '/usr/local/lib/dormice')
  })

  after(async () => {
    await health?.return?.()
    await container?.remove({ force: true, v: true })
    if (host) await removeAllOf(host)
    await docker
      .getVolume(name)
      .remove()
      .catch(() => undefined)
    await docker
      .getImage(name)
      .remove({ force: true })
      .catch(() => undefined)
    // The stage it was built in.
    await removeImages('dormice.role=image-build')
  })

  test('an app deployed through it sleeps as an image and wakes on a request', async () => {
    const deployed = await call(admin, 'POST', '/v1/apps/inner/releases?filename=main.js', counter)
    assert.equal(deployed.status, 201, deployed.body)
    assert.deepEqual(await visit(admin.port, 'inner'), { status: 200, body: '1' })
    assert.equal((await call(admin, 'POST', '/v1/apps/inner/sleep')).status, 200)
    assert.deepEqual(await visit(admin.port, 'inner'), { status: 200, body: '2' })
  })

  test('its own dormice command talks to it', async () => {
    const { apps } = JSON.parse(await inside(container, ['dormice', 'ls', '--json']))
    assert.deepEqual(
      apps.map((app: { name: string }) => app.name),
      ['inner'],
    )
  })

  test('only its user may read its data', async () => {
    assert.equal(await inside(container, ['stat', '-c', '%a', '/var/lib/dormice']), '700')
  })

  test('it carries compiled code, and neither development packages nor a second Node', async () => {
    const root = '/usr/local/lib/dormice'
    const packages = (await inside(container, ['ls', `${root}/node_modules`])).split(/\s+/)
    assert.ok(packages.includes('hono'))
    assert.deepEqual(
      packages.filter(name => /^(typescript|@biomejs|ws|node-linux-.*)$/.test(name)),
      [],
    )
    assert.equal(await inside(container, ['find', `${root}/dist`, '-name', '*.ts']), '')
    const own = (await docker.getImage(name).inspect()).Size - (await docker.getImage(base).inspect()).Size
    assert.ok(own < 40e6, `${own} bytes on top of the base`)
  })

  test('SIGTERM puts its apps to sleep; started again on the same data it wakes them', async () => {
    await container.stop({ t: 60 })
    assert.equal((await health.next()).value, 'die')
    assert.equal((await container.inspect()).State.ExitCode, 0)
    assert.deepEqual(await containersOf(host!), [])
    assert.ok((await imagesOf(host!)).length > 0)

    await container.start()
    assert.equal(await nextHealth(container, health), 'health_status: healthy')
    assert.deepEqual(await visit(admin.port, 'inner'), { status: 200, body: '3' })
    await container.stop({ t: 60 })
    assert.deepEqual(await containersOf(host!), [])
  })
})

const hostIdScript = `new (require('better-sqlite3'))('/var/lib/dormice/dormice.db', { readonly: true })
  .prepare("select value from meta where key = 'host'").pluck().get()`

/** Builds the image as `docker build .` does; dockerode leaves out of the files what .dockerignore says. */
async function build(): Promise<void> {
  const src = readdirSync(packageRoot, { withFileTypes: true, recursive: true })
    .filter(entry => entry.isFile())
    .map(entry => relative(packageRoot, join(entry.parentPath, entry.name)))
  const passedOn = ['npm_config_registry', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY']
  const buildargs = Object.fromEntries(
    passedOn.flatMap(key => (process.env[key] ? [[key, process.env[key]]] : [])),
  )
  const stream = await docker.buildImage(
    { context: packageRoot, src },
    {
      t: name,
      buildargs: { ...buildargs, BASE: base, NODE_EXTRA_CA_CERTS: bundle },
      // Where the machine's npm registry is reachable, even if it is on the machine itself.
      networkmode: 'host',
      forcerm: true,
    },
  )
  await readProgress(stream)
}

/** The engine's socket on this machine. */
function socket(): string {
  return (process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock').replace(/^unix:\/\//, '')
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

/** The container's changes of health from now on, and its end, as the engine's events name them. */
async function watchHealth({ id }: Docker.Container): Promise<AsyncIterator<string>> {
  const filters = { container: [id], event: ['health_status', 'die'] }
  const events = (await docker.getEvents({ filters })) as Readable
  return (async function* () {
    try {
      for await (const line of createInterface({ input: events })) yield JSON.parse(line).Action as string
    } finally {
      events.destroy()
    }
  })()
}

/** The next change of health; that the container ended fails with what it said. */
async function nextHealth(container: Docker.Container, health: AsyncIterator<string>): Promise<string> {
  const { value } = await health.next()
  if (value !== 'die') return value
  const said = await container.logs({ stdout: true, stderr: true })
  throw new Error(`the container ended:\n${said}`)
}

/** What a command inside the container prints. */
async function inside(container: Docker.Container, command: string[], folder = '/'): Promise<string> {
  // With a terminal the engine sends the output as it is, not in frames.
  const exec = await container.exec({ Cmd: command, WorkingDir: folder, AttachStdout: true, Tty: true })
  const output = (await text(Readable.from(await exec.start({ Tty: true })))).trim()
  assert.equal((await exec.inspect()).ExitCode, 0, `${command.join(' ')}: ${output}`)
  return output
}
