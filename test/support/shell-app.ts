import assert from 'node:assert/strict'
import type { TestHost } from './host.ts'
import { tarOf } from './tar.ts'

/** One path of an app's disk, with all that a tar could hold of it but extended attributes. */
export type Path = {
  path: string
  type: 'file' | 'directory' | 'symlink' | 'other'
  /** Octal digits. */
  mode: string
  owner: string
  /** Epoch seconds. */
  mtime: number
  size: number
  /** The first name in the tree of what it names: its own path for all but hard links. */
  first: string
  /** SHA-256 of a file, target of a symlink. */
  holds: string
}

/**
 * An app that runs the script it is sent, in /app, as its own user; `GET /tree?root=…` lists its disk.
 *
 * @param says what it answers to any other GET, to tell releases apart
 */
export const shellApp = (says: string): string => `
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'

// Mounted by the engine: of no image.
const mounted = new Set(['/proc', '/sys', '/dev', '/tmp', '/etc/hostname', '/etc/hosts', '/etc/resolv.conf'])
// For as long as this process runs: the next one reads everything anew.
const hashes = new Map()

function hashOf(path, { dev, ino, size, ctimeMs }) {
  const key = [dev, ino, size, ctimeMs].join()
  if (!hashes.has(key)) hashes.set(key, createHash('sha256').update(readFileSync(path)).digest('hex'))
  return hashes.get(key)
}

function tree(root) {
  const found = []
  const inodes = new Map()
  const add = path => {
    const stat = lstatSync(path)
    const type = stat.isFile() ? 'file' : stat.isDirectory() ? 'directory' : stat.isSymbolicLink() ? 'symlink' : 'other'
    const key = type === 'directory' ? path : String(stat.ino)
    if (!inodes.has(key)) inodes.set(key, path)
    let holds = ''
    if (type === 'symlink') holds = readlinkSync(path)
    // Not all files of the system may be read.
    try { if (type === 'file') holds = hashOf(path, stat) } catch {}
    found.push({
      path, type, holds, mode: (stat.mode & 0o7777).toString(8), owner: stat.uid + ':' + stat.gid,
      mtime: Math.floor(stat.mtimeMs / 1000), size: type === 'directory' ? 0 : stat.size,
      first: inodes.get(key),
    })
    if (type !== 'directory') return
    let names = []
    try { names = readdirSync(path).sort() } catch {}
    for (const name of names) {
      const child = (path === '/' ? '' : path) + '/' + name
      if (!mounted.has(child)) add(child)
    }
  }
  add(root)
  return found
}

export default { async fetch(request) {
  const url = new URL(request.url)
  if (request.method === 'POST') {
    const { status, stdout, stderr } = spawnSync('sh', ['-euc', await request.text()], { cwd: '/app', encoding: 'utf8' })
    return new Response(status === 0 ? stdout : stderr, { status: status === 0 ? 200 : 500 })
  }
  if (url.pathname === '/tree') return Response.json(tree(url.searchParams.get('root')))
  return new Response(${JSON.stringify(says)})
} }`

/** Deploys files, and a {@link shellApp} beside them unless they have a `main.js`; expects it to succeed. */
export async function deployShell(
  host: TestHost,
  app: string,
  says: string,
  { files = {}, fresh = false }: { files?: Readonly<Record<string, string>>; fresh?: boolean } = {},
): Promise<void> {
  const answer = await host.api(
    'POST',
    `/v1/apps/${app}/releases${fresh ? '?fresh=true' : ''}`,
    await tarOf({
      'package.json': '{ "type": "module", "main": "main.js" }',
      'main.js': shellApp(says),
      ...files,
    }),
  )
  assert.equal(answer.status, 201, answer.body)
}

/** Runs a script in a {@link shellApp}, waking it; gives back what it printed, and expects it to succeed. */
export async function run(host: TestHost, app: string, script: string): Promise<string> {
  const answer = await host.visit(app, '/', { method: 'POST', body: script })
  assert.equal(answer.status, 200, `${script}: ${answer.body}`)
  return answer.body
}

/** Everything below a folder of a {@link shellApp}'s disk, in an order that depends on names only. */
export async function tree(host: TestHost, app: string, root = '/app'): Promise<Path[]> {
  const answer = await host.visit(app, `/tree?root=${encodeURIComponent(root)}`)
  assert.equal(answer.status, 200, answer.body)
  return JSON.parse(answer.body)
}

/** An app's snapshots, oldest first, as the API shows them. */
export async function snapshotsOf(host: TestHost, app: string): Promise<any[]> {
  const answer = await host.api('GET', `/v1/apps/${app}/snapshots`)
  assert.equal(answer.status, 200, answer.body)
  return answer.json.snapshots
}

/** Puts an app to sleep, and gives back its newest snapshot. */
export async function sleepAndSnapshot(host: TestHost, app: string): Promise<any> {
  await host.sleep(app)
  return (await snapshotsOf(host, app)).at(-1)
}
