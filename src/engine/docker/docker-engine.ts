import type { Readable } from 'node:stream'
import type Docker from 'dockerode'
import {
  type Assembled,
  type ContainerSpec,
  type Engine,
  type EngineEvent,
  type ImageManifest,
  type Labels,
  type LayerSink,
  type LayerSource,
  NotFound,
  type Started,
} from '../engine.ts'
import { cpuTime, outbound } from './activity.ts'
import { assemble } from './assemble.ts'
import { Cgroups } from './cgroups.ts'
import { connect } from './client.ts'
import { commit, seal } from './commit.ts'
import * as containers from './containers.ts'
import { LayerCopies } from './copy-layers.ts'
import { events } from './events.ts'
import { Freezer } from './freezer.ts'
import { manifestOf } from './image-config.ts'
import * as images from './images.ts'
import { Memory } from './memory.ts'
import { buildNetworkName, ensureNetwork, networkName } from './network.ts'
import { Sandboxes, type SandboxesOptions } from './sandboxes/sandboxes.ts'
import { Seccomp } from './seccomp.ts'
import type { Sandbox } from './spec.ts'
import { takesLayersLeftOut } from './tiny-image.ts'

export type DockerEngineOptions = {
  docker?: Docker
  /** Where it is kept what the engine sent, so that it need not send it again after a restart. */
  folder?: string
  /** How many sandboxes lie ready; none when not given. */
  sandboxes?: SandboxesOptions
}

const noSandboxes: SandboxesOptions = { min: 0, max: 0, failed: () => undefined, missed: () => undefined }

/**
 * Docker, from API 1.41 (20.10) on, through its socket. `host` is the id that labels what this host owns. Dispose of it
 * at the end: it may listen for the engine on the loopback interface.
 */
export class DockerEngine implements Engine, AsyncDisposable {
  readonly #docker: Docker
  readonly #host: string
  readonly #copies: LayerCopies
  readonly #seccomp: Seccomp
  readonly #sandboxes: Sandboxes
  readonly #cgroups: Cgroups
  readonly #memory: Memory
  readonly #freezer: Freezer
  #network: Promise<void> | undefined
  #leavesOut: Promise<boolean> | undefined

  constructor(
    host: string,
    { docker = connect(), folder, sandboxes = noSandboxes }: DockerEngineOptions = {},
  ) {
    this.#docker = docker
    this.#host = host
    this.#copies = new LayerCopies(docker, host, folder)
    this.#cgroups = new Cgroups(docker)
    this.#memory = new Memory(docker, this.#cgroups)
    this.#freezer = new Freezer(docker, this.#cgroups)
    this.#seccomp = new Seccomp(docker)
    this.#sandboxes = new Sandboxes(docker, host, this.#seccomp, sandboxes)
  }

  async create(spec: ContainerSpec): Promise<string> {
    this.#network ??= ensureNetwork(this.#docker, networkName)
    // A failed attempt is not kept: the engine may come back.
    await this.#network.catch(error => {
      this.#network = undefined
      throw error
    })
    return this.#create(spec, networkName)
  }

  async #create(spec: ContainerSpec, network: string | Sandbox): Promise<string> {
    return containers.create(this.#docker, spec, network, await this.#seccomp.profile())
  }

  expect = () => this.#sandboxes.expect()

  start(spec: ContainerSpec): Promise<Started> {
    // Confined ones may change nothing that is not theirs; others may be root, to whom all files belong that come with it.
    const spoils = spec.confinement !== 'confined'
    return this.#sandboxes.into(sandbox => this.#start(spec, sandbox), { spoils })
  }

  async #start(spec: ContainerSpec, sandbox: Sandbox | undefined): Promise<Started> {
    const began = performance.now()
    const id = sandbox ? await this.#create(spec, sandbox) : await this.create(spec)
    try {
      const created = performance.now()
      await this.run(id)
      const took = { create: created - began, start: performance.now() - created }
      if (sandbox === undefined) return { ...(await this.container(id)), took }
      // All is known: asking the engine would take as long as the create.
      const { name, labels, image, limits } = spec
      return { id, name, labels, image, limits, state: 'running', address: sandbox.address, took }
    } catch (error) {
      await this.remove(id).catch(() => undefined)
      throw error
    }
  }

  prepare = () => this.#sandboxes.begin()

  async run(id: string): Promise<void> {
    try {
      await containers.run(this.#docker, id)
    } catch (error) {
      if (!(error instanceof NotFound && /network \S+ not found/.test(error.message))) throw error
      // `docker network prune` takes it while every app sleeps.
      await ensureNetwork(this.#docker, networkName)
      await containers.run(this.#docker, id)
    }
  }

  stop = (id: string, grace: number) => containers.stop(this.#docker, this.#freezer, id, grace)
  freeze = (id: string) => this.#freezer.freeze(id)
  async thaw(id: string): Promise<void> {
    // First, for this host may end at any moment: a container that goes on may use no more swap than it was made for.
    await this.#memory.thaws(id).catch(() => undefined)
    await this.#freezer.thaw(id)
  }
  memory = (ids: readonly string[]) => this.#memory.of(ids)
  limitHits = (id: string) => this.#memory.limitHits(id)
  pressure = () => this.#memory.pressure()
  reclaim = (id: string, signal: AbortSignal) => this.#memory.reclaim(id, signal)
  wait = (id: string, signal?: AbortSignal) => containers.wait(this.#docker, id, signal)
  async remove(id: string): Promise<void> {
    await this.#freezer.beforeKill(id)
    await containers.remove(this.#docker, id)
    this.#sandboxes.left(id)
    this.#cgroups.forget(id)
  }
  cpuTime = (id: string) => cpuTime(this.#docker, id)
  outbound = (id: string) => outbound(this.#docker, id)
  container = (id: string) => containers.get(this.#docker, this.#freezer, id)
  containers = () => containers.list(this.#docker, this.#freezer, this.#host)
  changes = (id: string) => containers.changes(this.#docker, id)
  put = (id: string, path: string, tar: Readable) => containers.put(this.#docker, id, path, tar)
  logs = (id: string, options: Parameters<Engine['logs']>[1] = {}) =>
    containers.logs(this.#docker, id, options)

  commit = (id: string, options: Parameters<Engine['commit']>[1]) =>
    commit(this.#docker, this.#freezer, id, options)
  seal = (id: string, options: { tag: string; labels: Labels }) => seal(this.#docker, id, options)
  image = (reference: string) => images.get(this.#docker, reference)
  images = () => images.list(this.#docker, this.#host)
  removeImage = (reference: string) => images.remove(this.#docker, reference)
  pull = (reference: string, log: (line: string) => void, signal?: AbortSignal) =>
    images.pull(this.#docker, reference, log, signal)

  async build(tar: Readable, options: Parameters<Engine['build']>[1]) {
    try {
      await ensureNetwork(this.#docker, buildNetworkName)
      return await images.build(this.#docker, tar, options)
    } finally {
      tar.destroy()
    }
  }

  manifest = async (reference: string) => manifestOf(await images.inspect(this.#docker, reference))
  copyLayers = (reference: string, sink: LayerSink) => this.#copies.copy(reference, sink)

  async assemble(
    manifest: ImageManifest,
    options: { tag: string; labels: Labels; present?: number },
    source: LayerSource,
  ): Promise<Assembled> {
    return assemble(this.#docker, await this.#leavesLayersOut(), manifest, options, source)
  }

  /**
   * Tries out, once for the life of this object, how layers get to the engine and from it; the first call that needs
   * to know does it too. `leavesOut`: images are made without sending layers that the engine has. `pushes`: single
   * layers can be had from it.
   */
  async probe(): Promise<{ leavesOut: boolean; pushes: boolean }> {
    return { leavesOut: await this.#leavesLayersOut(), pushes: await this.#copies.pushes() }
  }

  #leavesLayersOut(): Promise<boolean> {
    this.#leavesOut ??= takesLayersLeftOut(this.#docker, this.#host).catch(error => {
      this.#leavesOut = undefined
      throw error
    })
    return this.#leavesOut
  }

  async *events(signal: AbortSignal): AsyncGenerator<EngineEvent> {
    for await (const event of events(this.#docker, this.#host, signal)) {
      if (event.kind === 'sandbox-died') {
        const container = this.#sandboxes.died(event.sandbox)
        if (container !== undefined) yield { kind: 'cut-off', container }
        continue
      }
      if (event.kind === 'disconnected') await this.#freezer.engineLeft()
      if (event.kind === 'connected') {
        await this.#freezer.engineIsBack()
        void this.#seccomp.refresh()
        void this.#sandboxes.check()
      }
      yield event
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sandboxes[Symbol.asyncDispose]()
    await this.#copies[Symbol.asyncDispose]()
  }
}
