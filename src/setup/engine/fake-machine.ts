import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Machine } from './machine.ts'

export const SOCKET = '/var/run/docker.sock'

/** A machine for tests: a folder as `/`, whose commands are scripts that note their calls in `/calls`. */
export class FakeMachine implements Machine {
  readonly root = mkdtempSync(join(tmpdir(), 'dormice-machine-'))
  readonly env: Record<string, string | undefined> = {
    PATH: `${this.root}/bin`,
    ROOT: this.root,
  }
  uid = 0
  readonly #servers: Server[] = []

  constructor() {
    this.write('/etc/os-release', 'ID=debian\nVERSION_ID="12"\n')
    this.write('/proc/mounts', 'cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0\n')
    this.write('/calls', '')
    this.command('iptables', '')
    mkdirSync(join(this.root, '/var/run'), { recursive: true })
    // Nothing else of this machine may be found, least of all its own dockerd.
    for (const tool of ['cp', 'env', 'setsid', 'sleep', 'touch', 'true'])
      symlinkSync(join('/usr/bin', tool), join(this.root, 'bin', tool))
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true })
    writeFileSync(join(this.root, path), text)
  }

  /** Installs a command: a shell script. */
  command(name: string, script: string): void {
    this.write(`/bin/${name}`, `#!/bin/sh\necho "${name} $*" >> $ROOT/calls\n${script}\n`)
    chmodSync(join(this.root, 'bin', name), 0o755)
  }

  /** Installs a dockerd that answers at the socket as soon as `before`, a shell script, has run. */
  daemon(before = ''): void {
    this.command('dockerd', `${before}\necho $$ > $ROOT/dockerd.pid\nexec ${process.execPath} -e '${DAEMON}'`)
  }

  get calls(): string[] {
    return readFileSync(join(this.root, 'calls'), 'utf8').split('\n').filter(Boolean)
  }

  /** Answers like an engine at a socket, from this process. */
  listen(path: string, api = '1.41'): Promise<void> {
    const server = createServer((_, response) => {
      response.writeHead(200, { 'Api-Version': api, Server: 'Docker/20.10.24+dfsg1 (linux)' }).end('OK')
    })
    this.#servers.push(server)
    mkdirSync(dirname(join(this.root, path)), { recursive: true })
    return new Promise(resolve => server.listen(join(this.root, path), resolve))
  }

  [Symbol.dispose](): void {
    for (const server of this.#servers) server.close()
    try {
      process.kill(Number(readFileSync(join(this.root, 'dockerd.pid'), 'utf8')))
    } catch {
      // No daemon was started.
    }
    rmSync(this.root, { recursive: true, force: true })
  }
}

const DAEMON = `
  require("http").createServer((_, response) => {
    response.writeHead(200, { "Api-Version": "1.45", Server: "Docker/26.1.5 (linux)" }).end("OK")
  }).listen(process.env.ROOT + "/var/run/docker.sock")
`
