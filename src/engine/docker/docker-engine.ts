import type { Readable } from 'node:stream'
import type Docker from 'dockerode'
import {
  type ContainerSpec,
  type Engine,
  type ImageManifest,
  type Labels,
  type LayerSink,
  type LayerSource,
  NotFound,
} from '../engine.ts'
import { assemble } from './assemble.ts'
import { connect } from './client.ts'
import * as containers from './containers.ts'
import { copyLayers } from './copy-layers.ts'
import { events } from './events.ts'
import { freeze, thaw } from './freeze.ts'
import { manifestOf } from './image-config.ts'
import * as images from './images.ts'
import { buildNetworkName, ensureNetwork, networkName } from './network.ts'

/** Docker, from API 1.41 (20.10) on, through its socket. `host` is the id that labels what this host owns. */
export class DockerEngine implements Engine {
  readonly #docker: Docker
  readonly #host: string
  #network: Promise<void> | undefined

  constructor(host: string, docker: Docker = connect()) {
    this.#docker = docker
    this.#host = host
  }

  async create(spec: ContainerSpec): Promise<string> {
    this.#network ??= ensureNetwork(this.#docker, networkName)
    // A failed attempt is not kept: the engine may come back.
    await this.#network.catch(error => {
      this.#network = undefined
      throw error
    })
    return containers.create(this.#docker, spec)
  }

  async start(spec: ContainerSpec) {
    const id = await this.create(spec)
    try {
      await this.run(id)
      return await this.container(id)
    } catch (error) {
      await this.remove(id).catch(() => undefined)
      throw error
    }
  }

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

  stop = (id: string, grace: number) => containers.stop(this.#docker, id, grace)
  freeze = (id: string) => freeze(this.#docker, id)
  thaw = (id: string) => thaw(this.#docker, id)
  wait = (id: string, signal?: AbortSignal) => containers.wait(this.#docker, id, signal)
  remove = (id: string) => containers.remove(this.#docker, id)
  container = (id: string) => containers.get(this.#docker, id)
  containers = () => containers.list(this.#docker, this.#host)
  changes = (id: string) => containers.changes(this.#docker, id)
  put = (id: string, path: string, tar: Readable) => containers.put(this.#docker, id, path, tar)
  logs = (id: string, options: Parameters<Engine['logs']>[1] = {}) =>
    containers.logs(this.#docker, id, options)

  commit = (id: string, options: { tag: string; labels: Labels }) => images.commit(this.#docker, id, options)
  seal = (id: string, options: { tag: string; labels: Labels }) => images.seal(this.#docker, id, options)
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
  copyLayers = (reference: string, sink: LayerSink) => copyLayers(this.#docker, reference, sink)
  assemble = (manifest: ImageManifest, options: { tag: string; labels: Labels }, source: LayerSource) =>
    assemble(this.#docker, manifest, options, source)

  events = (signal: AbortSignal) => events(this.#docker, this.#host, signal)
}
