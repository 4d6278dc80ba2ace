import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import Docker from 'dockerode'
import { pack } from 'tar-stream'
import { Seccomp } from '../../src/engine/docker/seccomp.ts'
import { containerOptions } from '../../src/engine/docker/spec.ts'
import { buildEnv } from '../../src/releases/build-env.ts'
import { detectPlan } from '../../src/releases/detect.ts'
import type { Plan } from '../../src/releases/runtime.ts'
import { ensureRuntimeImages } from '../../src/setup/images/runtime-images.ts'

const MiB = 1024 * 1024
const PORT = 8080

/** An upload: texts by path. */
export type Files = Readonly<Record<string, string | Buffer>>

/** An app that runs on its runtime, as hosted ones do, without the host. */
export type RuntimeApp = {
  plan: Plan
  url: string
  /** Milliseconds from the engine's start call to the first accepted connection. */
  startedIn: number
  container: Docker.Container
  /** Resolves once what it wrote to stdout and stderr matches: the engine has lines a moment after they were written. Waits for at most 10 s. */
  logged(pattern: RegExp): Promise<void>
  /** Paths that its disk has and its image has not. */
  written(): Promise<string[]>
}

/** Runs apps on the real runtime images; disposing it removes everything that it made on the engine. */
export class RuntimeApps {
  readonly #docker = new Docker()
  readonly #seccomp = new Seccomp(this.#docker)
  readonly #made: { remove(options: object): Promise<unknown> }[] = []
  readonly #name = `dormice-test-runtimes-${process.pid}`
  #network: Docker.Network | undefined
  #count = 0

  /** Uploads, builds if the plan says so, starts, and waits until the port answers. */
  async start(files: Files, env: Record<string, string> = {}): Promise<RuntimeApp> {
    const images = await ensureRuntimeImages(this.#docker, { log: () => {} })
    const text = (path: string) => files[path]?.toString()
    const { plan } = detectPlan({ paths: new Set(Object.keys(files)), text })
    const runtime = images[plan.runtime as 'node']
    const image = await this.#release(runtime, files, plan)
    const container = await this.#create(image, plan.start!, { PORT: `${PORT}`, ...plan.env, ...env })

    const started = performance.now()
    await container.start()
    const { NetworkSettings } = await container.inspect()
    const host = NetworkSettings.Networks[this.#name]!.IPAddress
    await untilListening(host, container)
    const startedIn = performance.now() - started
    return {
      plan,
      container,
      startedIn,
      url: `http://${host}:${PORT}`,
      logged: pattern => untilLogged(container, pattern),
      written: async () => {
        // The engine says `null` for none, of which dockerode makes something that is no list either.
        const changes: unknown = await container.changes()
        return Array.isArray(changes) ? changes.map((change: { Path: string }) => change.Path) : []
      },
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const made of this.#made.reverse()) await made.remove({ force: true, v: true })
    await this.#network?.remove()
  }

  /** The release's image: the upload in a container, which is committed when the build in it has succeeded. */
  async #release(runtime: string, files: Files, plan: Plan): Promise<string> {
    const env = { ...buildEnv(), ...plan.env, NODE_EXTRA_CA_CERTS: '' }
    const container = await this.#create(runtime, ['sh', '-c', plan.build ?? 'true'], env)
    await container.putArchive(tarOf(files), { path: '/app' })
    if (plan.build !== undefined) {
      await container.start()
      const { StatusCode } = await container.wait()
      const log = await logOf(container)
      if (StatusCode !== 0) throw new Error(`the build ended with ${StatusCode}: ${log}`)
    }
    const { Id } = (await container.commit({ repo: this.#name, tag: `${this.#count}` })) as { Id: string }
    this.#made.unshift(this.#docker.getImage(Id))
    return Id
  }

  async #create(image: string, command: readonly string[], env: Record<string, string>) {
    this.#network ??= await this.#docker.createNetwork({ Name: this.#name })
    this.#count += 1
    const options = containerOptions(
      {
        name: `${this.#name}-${this.#count}`,
        image,
        labels: { host: this.#name, role: 'instance', app: 'test', generation: 1, release: 1 },
        command,
        env,
        limits: { memory: 256 * MiB, cpu: 2, pids: 128, tmp: 64 * MiB },
        confinement: 'confined',
        grace: 10,
      },
      this.#name,
      await this.#seccomp.profile(),
    )
    const container = await this.#docker.createContainer(options)
    this.#made.push(container)
    return container
  }
}

async function untilLogged(container: Docker.Container, pattern: RegExp): Promise<void> {
  const deadline = performance.now() + 10_000
  let log = await logOf(container)
  while (!pattern.test(log) && performance.now() < deadline) {
    await delay(20)
    log = await logOf(container)
  }
  assert.match(log, pattern)
}

/** The log without the engine's frame heads (stream, three zeros, length). */
async function logOf(container: Docker.Container): Promise<string> {
  const framed = await container.logs({ stdout: true, stderr: true })
  let text = ''
  for (let at = 0; at < framed.length; ) {
    const end = at + 8 + framed.readUInt32BE(at + 4)
    text += framed.toString('utf8', at + 8, end)
    at = end
  }
  return text
}

function tarOf(files: Files) {
  const tar = pack()
  for (const [name, content] of Object.entries(files)) tar.entry({ name, uid: 1000, gid: 1000 }, content)
  tar.finalize()
  return tar as unknown as NodeJS.ReadableStream
}

/** Resolves when the port accepts a connection; rejects with the log when the container ends before. */
async function untilListening(host: string, container: Docker.Container): Promise<void> {
  const ended = container.wait()
  let over = false
  const failed = ended.then(async ({ StatusCode }) => {
    over = true
    const log = await logOf(container)
    throw new Error(`the app ended with ${StatusCode} before it listened: ${log}`)
  })
  const listening = async () => {
    while (!over && !(await accepts(host))) await delay(3)
  }
  // When it listens, its later end is no failure any more.
  await Promise.race([listening(), failed])
  failed.catch(() => {})
}

function accepts(host: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ host, port: PORT })
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

/** A wheel of one Python module, made by hand: the tests reach no package index. */
export function wheel(name: string, code: string): Buffer {
  const info = `${name}-1.0.dist-info`
  return zip({
    [`${name}.py`]: code,
    [`${info}/METADATA`]: `Metadata-Version: 2.1\nName: ${name}\nVersion: 1.0\n`,
    [`${info}/WHEEL`]: 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
    [`${info}/RECORD`]: '',
  })
}

/** An uncompressed zip archive (APPNOTE.TXT 4.3). */
function zip(files: Record<string, string>): Buffer {
  const local: Buffer[] = []
  const central: Buffer[] = []
  let offset = 0
  for (const [path, text] of Object.entries(files)) {
    const name = Buffer.from(path)
    const data = Buffer.from(text)
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt16LE(0x21, 8)
    common.writeUInt32LE(crc32(data), 10)
    common.writeUInt32LE(data.length, 14)
    common.writeUInt32LE(data.length, 18)
    common.writeUInt16LE(name.length, 22)
    const place = Buffer.alloc(14)
    place.writeUInt32LE(0o100644 * 0x10000, 6)
    place.writeUInt32LE(offset, 10)
    local.push(Buffer.from('PK\x03\x04'), common, name, data)
    central.push(Buffer.from('PK\x01\x02\x14\x03'), common, place, name)
    offset += 30 + name.length + data.length
  }
  const end = Buffer.alloc(18)
  end.writeUInt16LE(central.length / 4, 4)
  end.writeUInt16LE(central.length / 4, 6)
  end.writeUInt32LE(Buffer.concat(central).length, 8)
  end.writeUInt32LE(offset, 12)
  return Buffer.concat([...local, ...central, Buffer.from('PK\x05\x06'), end])
}
