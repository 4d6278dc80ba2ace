// What the npm scripts run first: it makes sure of the dependencies and of Node 24, then hands over to it.
// It must itself run on the old Node of a fresh machine (18 and later) with nothing installed: plain
// JavaScript, built-in modules only.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { basename, delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { hostEnvironment, hostFlags } from './host-process.mjs'

const NODE_MAJOR = 24
/** First 24 with `response.writeInformation`, which the edge passes 1xx answers on with. */
const NODE_MINOR = 18
const INSTALL_LIMIT_MS = 10 * 60_000

const root = fileURLToPath(new URL('../..', import.meta.url))
const modules = join(root, 'node_modules')
const stamp = join(modules, '.dormice-lock')

/** What each script hands over to: a file and its first arguments. */
const targets = {
  up: ['src/cli/main.ts', 'up'],
  cli: ['src/cli/main.ts'],
  test: ['src/setup/test.ts'],
  bench: ['bench/main.ts'],
  faults: ['faults/main.ts'],
  soak: ['test/soak/main.ts'],
  conformance: ['test/conformance/differential.ts'],
}

const [what = '', ...args] = process.argv.slice(2)
const target = Object.hasOwn(targets, what) ? targets[what] : undefined
// People pipe what `cli`, `bench`, `faults`, `soak` and `conformance` print, so nothing of the preparation may be on
// their stdout.
const out = what === 'up' || what === 'test' ? process.stdout : process.stderr

/** An error that says in one line what to do. */
class Advice extends Error {}

try {
  if (!target) throw new Advice(`"${what}" is unknown; accepted: ${Object.keys(targets).join(', ')}`)
  await dependencies()
  const node = findNode()
  if (out === process.stdout) print('✓', 'node', node.version)
  const runsHost = what === 'up' || (what === 'cli' && args[0] === 'serve')
  const flags = runsHost ? hostFlags : []
  const env = { ...(runsHost && hostEnvironment), ...process.env }
  handOver(node.path, [...flags, join(root, target[0]), ...target.slice(1), ...args], env)
} catch (error) {
  if (!(error instanceof Advice)) throw error
  console.error(error.message)
  process.exitCode = error.exitCode ?? 1
}

/** Same columns as `steps.ts`. */
function print(mark, name, text) {
  out.write(`${out.isTTY ? '\r\x1b[K' : ''}${mark} ${name.padEnd(12)}  ${text}\n`)
}

/** Runs `npm ci` unless node_modules is what package-lock.json asks for. */
async function dependencies() {
  const lock = readFileSync(join(root, 'package-lock.json'))
  const wanted = createHash('sha256').update(lock).digest('hex')
  const current = () => read(stamp)?.trim() === wanted || adopt(lock, wanted)
  const started = Date.now()
  const fresh = current()
  if (!fresh) {
    await alone(async claim => {
      if (current()) return
      await install(claim)
      writeFileSync(stamp, `${wanted}\n`)
    })
  }
  if (fresh && out !== process.stdout) return
  const count = `${countPackages()} packages`
  print('✓', 'dependencies', fresh ? count : `${seconds(started)} (${count})`)
}

/** True, and stamped, when npm itself put exactly these packages there: somebody ran `npm ci` before us. */
function adopt(lock, wanted) {
  const hidden = read(join(modules, '.package-lock.json'))
  if (!hidden) return false
  const there = JSON.parse(hidden).packages
  for (const [path, { version, optional }] of Object.entries(JSON.parse(lock.toString()).packages)) {
    if (path === '') continue
    const mayMiss = optional && path !== `node_modules/${nodePackage()}`
    if (there[path] ? there[path].version !== version : !mayMiss) return false
  }
  writeFileSync(stamp, `${wanted}\n`)
  return true
}

function countPackages() {
  const hidden = read(join(modules, '.package-lock.json'))
  return hidden ? Object.keys(JSON.parse(hidden).packages).length : 0
}

/** Quiet unless it fails; `--include` because a NODE_ENV or an npm setting of the user may leave them out. */
async function install(claim) {
  const started = Date.now()
  if (out.isTTY) out.write('… dependencies  npm ci')
  else if (out === process.stdout) out.write('… dependencies  npm ci\n')
  const options = ['ci', '--include=dev', '--include=optional', '--no-progress', '--loglevel=error']
  const npm = process.env.npm_execpath ?? ''
  const [command, first] = basename(npm) === 'npm-cli.js' ? [process.execPath, [npm]] : ['npm', []]
  const child = spawn(command, [...first, ...options], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })

  claim(child.pid)

  let output = ''
  const keep = chunk => {
    output = (output + chunk).slice(-64_000)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  let stopped
  const stop = signal => {
    stopped = signal
    child.kill(signal)
    // npm may go on for long after SIGTERM; what it leaves half-made, the next `npm ci` removes first.
    setTimeout(() => child.kill('SIGKILL'), 2000).unref()
  }
  process.on('SIGINT', stop).on('SIGTERM', stop)
  const timer = setTimeout(stop, INSTALL_LIMIT_MS, 'SIGKILL')
  const failure = await new Promise(resolve => {
    child.on('error', error => resolve(error.message))
    child.on('close', (code, signal) =>
      resolve(code === 0 ? '' : signal ? `ended by ${signal}` : `exit ${code}`),
    )
  })
  clearTimeout(timer)
  process.off('SIGINT', stop).off('SIGTERM', stop)
  if (!failure && !stopped) return

  print('✗', 'dependencies', seconds(started))
  if (stopped === 'SIGINT' || stopped === 'SIGTERM') {
    const interrupted = new Advice('interrupted')
    interrupted.exitCode = 128 + constants.signals[stopped]
    throw interrupted
  }
  const why = stopped ? `not done after ${INSTALL_LIMIT_MS / 60_000} minutes` : failure
  const lines = output.trim() ? output.trim().split('\n').slice(-15) : []
  process.stderr.write(lines.map(line => `  ${line}\n`).join(''))
  throw new Advice(`npm ci failed (${why}): ${remedy(output + failure)}, then run the same command again.`)
}

function remedy(output) {
  if (/\bEUSAGE\b/.test(output)) return 'package.json and package-lock.json differ: run `npm install`'
  if (/\b(EACCES|EPERM|EROFS)\b/.test(output)) return `make ${root} writable for this user`
  if (/\bENOSPC\b/.test(output)) return 'free some disk space'
  if (/\b(ENOENT|not found)\b/.test(output) && !/registry/.test(output)) return 'install npm'
  return 'check that this machine reaches the npm registry (`npm ping`)'
}

/**
 * Runs `work` in one process at a time for this folder. A lock whose processes are gone counts for nothing;
 * `claim` adds one to them, as npm goes on when this process is killed.
 */
async function alone(work) {
  const file = join(
    tmpdir(),
    `dormice-install-${createHash('sha256').update(root).digest('hex').slice(0, 12)}`,
  )
  for (const since = Date.now(); ; await new Promise(resolve => setTimeout(resolve, 200))) {
    try {
      writeFileSync(file, `${process.pid}`, { flag: 'wx' })
      break
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    const holders = (read(file) ?? '').split(' ')
    if (!holders.some(pid => isAlive(Number(pid)))) rmSync(file, { force: true })
    else if (Date.now() - since > INSTALL_LIMIT_MS)
      throw new Advice(`Another installation has not ended: stop process ${holders[0]} or delete ${file}.`)
  }
  try {
    await work(pid => pid && appendFileSync(file, ` ${pid}`))
  } finally {
    rmSync(file, { force: true })
  }
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/** Name of the package that carries Node's binary for this machine. */
function nodePackage() {
  return `node-${process.platform}-${process.arch}`
}

/** Path and version of a Node new enough: this one, or the one among the dependencies. */
function findNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > NODE_MAJOR || (major === NODE_MAJOR && minor >= NODE_MINOR))
    return { path: process.execPath, version: process.version }
  const folder = join(modules, nodePackage())
  const path = join(folder, 'bin', 'node')
  if (!existsSync(path))
    throw new Advice(
      `Node ${NODE_MAJOR}.${NODE_MINOR} or newer is needed, this is ${process.version} and ${nodePackage()} is not among ` +
        `the dependencies: install Node ${NODE_MAJOR} from https://nodejs.org, then run the same command again.`,
    )
  return { path, version: `v${JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version}` }
}

/** Becomes `node args`; where Node cannot replace its process yet, stays as its parent and ends as it ends. */
function handOver(node, args, given) {
  const env = { ...given, PATH: join(modules, '.bin') + delimiter + (given.PATH ?? '') }
  // Only the user's own command should depend on where it is run.
  if (what !== 'cli') process.chdir(root)
  if (typeof process.execve === 'function') {
    process.emitWarning = () => {} // that it is experimental is no news to the user
    process.execve(node, [node, ...args], env)
  }
  const child = spawn(node, args, { stdio: 'inherit', env })
  const terminal = process.stdin.isTTY || process.stderr.isTTY
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => {
      // Ctrl-C reaches the child from the terminal itself; a second one would mean "at once".
      if (signal !== 'SIGINT' || !terminal) child.kill(signal)
    })
  child.on('error', error => {
    console.error(
      `${node} does not run here (${error.message}): install Node ${NODE_MAJOR} from https://nodejs.org.`,
    )
    process.exitCode = 1
  })
  child.on('exit', (code, signal) => {
    if (!signal) process.exit(code ?? 1)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

function seconds(since) {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`
}

/** Text of a file, undefined when there is none. */
function read(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
