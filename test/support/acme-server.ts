import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type Found, fromDebian } from '../../bench/debian.ts'
import { freePort } from '../../bench/free-port.ts'
import { Program } from '../../bench/processes.ts'

/** How long Caddy may take to start, ms. */
const patience = 20_000
/**
 * Addresses of loopback that only these tests have: the CA looks at port 80 of a name, and on 127.0.0.1 that may be
 * somebody else's. The process's number keeps runs apart that go on at once.
 */
const network = `127.${80 + (process.pid % 100)}.${Math.floor(process.pid / 100) % 250}`

/** Where names lead that are served. */
export const here = `${network}.1`
/** Where names lead that are not: nothing listens there. */
export const elsewhere = `${network}.2`

/** A CA of one's own with ACME: Caddy's, from its Debian package. */
export type AcmeServer = AsyncDisposable & {
  /** URL of its ACME directory. */
  directory: string
  /** PEM of the root to trust. */
  root: string
  rootFile: string
  /** Begins anew on the same address, and knows no accounts any more. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/**
 * Why there cannot be one here, for a test's `skip`; false where there can. The CA finds names in a hosts file that
 * only it sees, which takes a mount namespace.
 */
export async function whyNoAcmeServer(): Promise<string | false> {
  const error = await new Promise<Error | null>(done => {
    execFile(unshare[0] as string, [...unshare.slice(1), 'mount --bind /etc/hosts /etc/hosts'], done)
  })
  if (error) return 'this user may not have a mount namespace'
  return new Promise(done => {
    const server = createServer()
    server.once('error', ({ message }) => done(`port 80 cannot be had: ${message}`))
    server.listen(80, here, () => server.close(() => done(false)))
  })
}

const unshare = ['unshare', '--mount', ...(process.getuid?.() === 0 ? [] : ['--map-root-user']), 'sh', '-c']

/** @param folder an empty one @param hosts the names it knows, with their addresses */
export async function startAcmeServer(folder: string, hosts: Record<string, string>): Promise<AcmeServer> {
  const caddy = await findCaddy()
  const port = await freePort()
  const rootFile = join(folder, 'root.crt')
  const hostsFile = join(folder, 'hosts')
  await writeFile(
    hostsFile,
    Object.entries(hosts)
      .map(([name, address]) => `${address} ${name}\n`)
      .join(''),
  )
  await writeFile(join(folder, 'Caddyfile'), caddyfile(port))
  let runs = 0
  let program: Program | undefined
  /** Its accounts are kept in a folder that each run has for itself; the root is all runs' own. */
  async function start(): Promise<void> {
    const home = join(folder, `run-${runs++}`)
    await mkdir(join(home, 'caddy/pki/authorities/local'), { recursive: true })
    const kept = join(folder, 'run-0/caddy/pki/authorities/local')
    const copy = runs > 1 ? `cp ${kept}/root.* ${home}/caddy/pki/authorities/local/ && ` : ''
    const command = `${copy}mount --bind ${hostsFile} /etc/hosts && exec ${caddy.path} run --adapter caddyfile --config ${folder}/Caddyfile`
    const env = { ...caddy.env, HOME: home, XDG_DATA_HOME: home, XDG_CONFIG_HOME: home }
    program = new Program('caddy', [...unshare, command], env)
    await Promise.race([accepting(port), program.failed()])
    await writeFile(rootFile, await readFile(join(home, 'caddy/pki/authorities/local/root.crt')))
  }
  const stop = async () => program?.[Symbol.asyncDispose]()
  await start()
  return {
    directory: `https://127.0.0.1:${port}/acme/local/directory`,
    root: await readFile(rootFile, 'utf8'),
    rootFile,
    async restart() {
      await stop()
      await start()
    },
    stop,
    async [Symbol.asyncDispose]() {
      await stop()
    },
  }
}

async function findCaddy(): Promise<Found> {
  const caddy = await fromDebian('caddy', 'caddy', console.error)
  if ('absent' in caddy) throw new Error(`Caddy cannot be had: ${caddy.absent}`)
  return caddy
}

const caddyfile = (port: number) => `{
  admin off
  auto_https disable_redirects
  skip_install_trust
  default_sni 127.0.0.1
  log {
    output discard
  }
}
https://127.0.0.1:${port} {
  bind 127.0.0.1
  tls internal
  acme_server
}
`

/** Resolves once connections to a port of this machine are accepted. */
async function accepting(port: number): Promise<void> {
  const until = performance.now() + patience
  while (performance.now() < until) {
    const accepted = await new Promise<boolean>(done => {
      const socket = connect(port, '127.0.0.1', () => done(true))
      socket.once('error', () => done(false))
      socket.once('connect', () => socket.destroy())
    })
    if (accepted) return
    await pause(50)
  }
  throw new Error('Caddy does not accept connections')
}
