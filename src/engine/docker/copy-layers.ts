import { join } from 'node:path'
import type Docker from 'dockerode'
import pLimit from 'p-limit'
import { EngineUnavailable, type ImageManifest, type LayerSink, NotFound } from '../engine.ts'
import { manifestOf } from './image-config.ts'
import { inspect } from './images.ts'
import { NoContact, type Pushed, push, SinkFailed } from './push/push.ts'
import { ownTags, removeLeftTags, repositoryOf } from './push/push-tag.ts'
import { Registry } from './push/registry.ts'
import { SentBlobs } from './push/sent-blobs.ts'
import { copyBySave } from './save.ts'
import { withTinyImage } from './tiny-image.ts'

/** Copies that run at once: an engine sends few layers at a time anyway. */
const atOnce = 4

/**
 * Copies images' layers off the engine: by having it push them to a registry of ours, which costs milliseconds where
 * one small layer is new, or, where it cannot reach that, by saving whole images.
 */
export class LayerCopies implements AsyncDisposable {
  readonly #docker: Docker
  readonly #host: string
  readonly #registry: Registry
  readonly #closing = new AbortController()
  readonly #limit = pLimit(atOnce)
  #pushes: Promise<boolean> | undefined
  #leftRemoved = false

  /** @param folder for what was sent already; undefined remembers it for the life of the process */
  constructor(docker: Docker, host: string, folder: string | undefined) {
    this.#docker = docker
    this.#host = host
    this.#registry = new Registry(
      repositoryOf(host),
      new SentBlobs(folder === undefined ? undefined : join(folder, 'pushed.json')),
    )
  }

  /** Copies those layers of an image that the sink has not into it. */
  async copy(reference: string, sink: LayerSink): Promise<ImageManifest> {
    const image = await inspect(this.#docker, reference)
    const manifest = manifestOf(image)
    const isMissing = (layer: string) => !sink.has(layer)
    if (!manifest.layers.some(isMissing)) return manifest
    await this.#limit(async () => {
      // The engine removes an image with its last tag, so one without any cannot be given one for a while.
      const tagged = ownTags(image.RepoTags).length > 0
      const pushed: Pushed = { id: image.Id, layers: manifest.layers, size: image.Size }
      if (tagged && (await this.pushes()) && (await this.#push(pushed, sink))) return
      this.#closing.signal.throwIfAborted()
      await copyBySave(this.#docker, image, sink, this.#closing.signal)
    })
    const missing = manifest.layers.find(isMissing)
    if (missing !== undefined) throw new Error(`copy of ${reference}: the engine did not give ${missing}`)
    return manifest
  }

  /**
   * Whether the engine can push to us, tried out with an image that holds nothing: whoever else may listen at our
   * address where the engine runs gets nothing to see.
   */
  pushes(): Promise<boolean> {
    this.#pushes ??= this.#try().catch(error => {
      this.#pushes = undefined
      throw error
    })
    return this.#pushes
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new EngineUnavailable('the connection to the engine is being closed'))
    await this.#registry[Symbol.asyncDispose]()
  }

  async #try(): Promise<boolean> {
    this.#closing.signal.throwIfAborted()
    // Later ones are of pushes that run.
    if (!this.#leftRemoved) await removeLeftTags(this.#docker, this.#host)
    this.#leftRemoved = true
    return withTinyImage(this.#docker, this.#host, 'push', async tag => {
      const { Id, Size, RootFS } = await inspect(this.#docker, tag)
      const image: Pushed = { id: Id, layers: RootFS.Layers ?? [], size: Size }
      try {
        await push(this.#docker, image, this.#registry, drain(image.layers), this.#closing.signal)
        return true
      } catch (error) {
        if (error instanceof EngineUnavailable) throw error
        return false
      }
    })
  }

  /**
   * False when the image has to be saved. Tried twice, for the engine sends a layer of two pushes at once with the
   * credentials of one, and when that one ends the other's is refused.
   */
  async #push(image: Pushed, sink: LayerSink): Promise<boolean> {
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        await push(this.#docker, image, this.#registry, sink, this.#closing.signal)
        if (image.layers.every(layer => sink.has(layer))) return true
      } catch (error) {
        if (error instanceof SinkFailed) throw error.cause
        if (error instanceof EngineUnavailable || error instanceof NotFound) throw error
        if (error instanceof NoContact) {
          // It did before: perhaps it waited for another push that sent the same layer and failed.
          this.#pushes = undefined
          return false
        }
      }
    }
    return false
  }
}

/** Reads an image's only layer and keeps nothing of it. */
function drain([layer = '']: readonly string[]): LayerSink {
  let came = false
  return {
    has: () => came,
    async add(tar) {
      for await (const _ of tar);
      came = true
      return layer
    },
  }
}
