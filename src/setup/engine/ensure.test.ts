import assert from 'node:assert/strict'
import { existsSync, renameSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { ensureEngine } from './ensure.ts'
import { FakeMachine, SOCKET } from './fake-machine.ts'
import { ping } from './probe.ts'
import { startEngine } from './start.ts'

const silent = () => {}

test('an engine that runs is used, and nothing is done to the machine', async () => {
  using machine = new FakeMachine()
  await machine.listen(SOCKET)
  const lines: string[] = []
  const found = await ensureEngine(line => lines.push(line), machine)
  assert.deepEqual(found, {
    dockerHost: `unix://${machine.root}${SOCKET}`,
    version: '20.10.24',
    how: 'running',
  })
  assert.deepEqual([lines, machine.calls], [[], []])
})

test('DOCKER_HOST comes before the local socket', async () => {
  using machine = new FakeMachine()
  await machine.listen(SOCKET)
  await machine.listen('/other.sock', '1.47')
  machine.env['DOCKER_HOST'] = `unix://${machine.root}/other.sock`
  assert.equal((await ensureEngine(silent, machine)).dockerHost, machine.env['DOCKER_HOST'])
})

test('a DOCKER_HOST that does not answer is an error that names it, never another engine', async () => {
  using machine = new FakeMachine()
  await machine.listen(SOCKET)
  for (const address of [`unix://${machine.root}/none.sock`, 'ssh://me@there', 'nonsense']) {
    machine.env['DOCKER_HOST'] = address
    const error = { code: 'engine_unavailable', message: new RegExp(`^DOCKER_HOST is "${address}" but`) }
    await assert.rejects(ensureEngine(silent, machine), error)
  }
  assert.deepEqual(machine.calls, [])
})

test("a user's own rootless engine is used where the system has none", async () => {
  using machine = new FakeMachine()
  machine.env['XDG_RUNTIME_DIR'] = `${machine.root}/run/user/1000`
  await machine.listen('/run/user/1000/docker.sock')
  const { dockerHost } = await ensureEngine(silent, machine)
  assert.equal(dockerHost, `unix://${machine.root}/run/user/1000/docker.sock`)
})

test('an engine older than 20.10 is refused', async () => {
  using machine = new FakeMachine()
  await machine.listen(SOCKET, '1.40')
  await assert.rejects(ensureEngine(silent, machine), { message: /speaks API 1\.40 and 1\.41 is needed/ })
})

test('a server at the socket that is no engine is not replaced', async () => {
  using machine = new FakeMachine()
  machine.daemon()
  const server = createServer(socket => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'))
  await new Promise<void>(resolve => server.listen(join(machine.root, SOCKET), resolve))
  await assert.rejects(ensureEngine(silent, machine), { message: /it is no container engine/ })
  assert.deepEqual(machine.calls, [])
  server.close()
})

test('on a bare Debian the engine is installed without questions and started by hand', async () => {
  using machine = new FakeMachine()
  machine.command('apt-get', 'case "$*" in *install*) cp $ROOT/hidden/dockerd $ROOT/bin/dockerd;; esac')
  machine.daemon()
  move(machine, '/bin/dockerd', '/hidden/dockerd')
  const found = await ensureEngine(silent, machine)
  assert.deepEqual([found.how, found.version], ['installed', '26.1.5'])
  const [update, install, start] = machine.calls
  assert.match(update!, /^apt-get .* update$/)
  assert.match(
    install!,
    /^apt-get .*Lock::Timeout=120 .* install -y --no-install-recommends docker.io ca-certificates$/,
  )
  assert.match(start!, /^dockerd/)
})

test('an installation that was interrupted is repaired and tried once more', async () => {
  using machine = new FakeMachine()
  machine.command(
    'apt-get',
    'case "$*" in *install*) test -e $ROOT/bin/dockerd || { echo "E: dpkg was interrupted" >&2; exit 100; };; esac',
  )
  machine.daemon()
  move(machine, '/bin/dockerd', '/hidden/dockerd')
  machine.command('dpkg', 'cp $ROOT/hidden/dockerd $ROOT/bin/dockerd')
  assert.equal((await ensureEngine(silent, machine)).how, 'installed')
})

test('an installation that fails says why and what to do', async () => {
  using machine = new FakeMachine()
  machine.command('apt-get', 'echo "E: Unable to locate package docker.io" >&2; exit 100')
  machine.command('dpkg', '')
  await assert.rejects(ensureEngine(silent, machine), {
    code: 'engine_install_failed',
    message: /Unable to locate package docker\.io.*check that this machine reaches its Debian mirror/,
  })
})

test('a system or a user that cannot install gets one line and nothing is tried', async () => {
  using machine = new FakeMachine()
  machine.command('apt-get', '')
  machine.command('sudo', 'exit 1')
  machine.uid = 1000
  await assert.rejects(ensureEngine(silent, machine), {
    code: 'engine_missing',
    message: /run this once as root/,
  })
  machine.write('/etc/os-release', 'ID=alpine\n')
  await assert.rejects(ensureEngine(silent, machine), {
    code: 'engine_missing',
    message: /only on Debian and Ubuntu/,
  })
  assert.deepEqual(machine.calls, ['sudo -n true'])
})

test('systemd starts the engine where it runs, through sudo for a plain user', async () => {
  using machine = new FakeMachine()
  machine.uid = 1000
  machine.write('/run/systemd/system/any', '')
  machine.daemon()
  machine.command('sudo', 'shift; exec "$@"')
  machine.command('systemctl', 'setsid $ROOT/bin/dockerd >/dev/null 2>&1 &')
  assert.equal((await ensureEngine(silent, machine)).how, 'started')
  assert.ok(machine.calls.includes('systemctl start docker'))
})

test('a daemon that ends at once is started once more', async () => {
  using machine = new FakeMachine()
  machine.daemon(
    'test -e $ROOT/once || { touch $ROOT/once; echo "timeout waiting for containerd" >&2; exit 1; }',
  )
  const lines: string[] = []
  assert.equal((await ensureEngine(line => lines.push(line), machine)).how, 'started')
  assert.deepEqual(lines, [
    'starting dockerd',
    'dockerd ended (timeout waiting for containerd); starting it once more',
  ])
})

test('a daemon that never starts is reported with its last line and its log', async () => {
  using machine = new FakeMachine()
  machine.command('dockerd', 'echo "iptables: Operation not permitted" >&2; exit 1')
  await assert.rejects(ensureEngine(silent, machine), {
    code: 'engine_start_failed',
    message: /iptables: Operation not permitted\): see \/var\/log\/dormice-dockerd\.log/,
  })
  assert.equal(machine.calls.length, 2)
})

test('pid files of dead or of other processes do not stop the start', async () => {
  using machine = new FakeMachine()
  machine.daemon('! test -e $ROOT/var/run/docker.pid || exit 1')
  machine.write('/var/run/docker.pid', '4711')
  machine.write('/var/run/docker/containerd/containerd.pid', '4712')
  machine.write('/proc/4712/stat', '4712 (sshd) S 1')
  assert.equal((await ensureEngine(silent, machine)).how, 'started')
  assert.ok(!existsSync(join(machine.root, '/var/run/docker/containerd/containerd.pid')))
})

test('a daemon that is just starting is waited for, not started twice', async () => {
  using machine = new FakeMachine()
  machine.daemon()
  machine.write('/var/run/docker.pid', '4711')
  machine.write('/proc/4711/stat', '4711 (dockerd) S 1')
  const waiting = Promise.withResolvers<void>()
  const log = (line: string) => {
    assert.match(line, /^waiting for dockerd/)
    waiting.resolve()
  }
  const found = ensureEngine(log, machine)
  await waiting.promise
  await machine.listen(SOCKET)
  assert.equal((await found).how, 'started')
  assert.deepEqual(machine.calls, [])
})

test('a daemon that was just killed is not waited for longer than it is there', async () => {
  using machine = new FakeMachine()
  machine.daemon()
  machine.write('/var/run/docker.pid', '4711')
  machine.write('/proc/4711/stat', '4711 (dockerd) R 1')
  const lines: string[] = []
  const log = (line: string) => {
    if (lines.push(line) === 1) machine.write('/proc/4711/stat', '4711 (dockerd) Z 1')
  }
  assert.equal((await ensureEngine(log, machine)).how, 'started')
  assert.deepEqual(lines, ['waiting for dockerd, process 4711', 'starting dockerd'])
})

test('a daemon that neither answers nor ends is ended and reported', async () => {
  using machine = new FakeMachine()
  machine.command('dockerd', 'echo $$ > $ROOT/dockerd.pid; exec sleep 60')
  const address = `unix://${machine.root}${SOCKET}`
  await assert.rejects(startEngine(machine, address, silent, 500), {
    message: /does not answer within 0\.5 s/,
  })
  assert.equal(machine.calls.length, 1)
})

test('missing control groups are named before a start is tried', async () => {
  using machine = new FakeMachine()
  machine.daemon()
  machine.write('/proc/mounts', 'proc /proc proc rw 0 0\n')
  await assert.rejects(ensureEngine(silent, machine), { message: /control groups and none are mounted/ })
  assert.deepEqual(machine.calls, [])
})

test('an engine that accepts and never answers is given up on in time', async () => {
  using machine = new FakeMachine()
  const server = createServer()
  const path = join(machine.root, SOCKET)
  await new Promise<void>(resolve => server.listen(path, resolve))
  await assert.rejects(ping(`unix://${path}`, 50), { message: 'no answer within 0.05 s' })
  server.close()
})

function move(machine: FakeMachine, from: string, to: string): void {
  machine.write(to, '')
  renameSync(join(machine.root, from), join(machine.root, to))
}
