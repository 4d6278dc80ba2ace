import { join } from 'node:path'
import type Docker from 'dockerode'
import { LRUCache } from 'lru-cache'
import pLimit from 'p-limit'
import {
  type DiffId,
  EngineUnavailable,
  type ImageManifest,
  type LayerSink,
  LayersUnreadable,
  NotFound,
} from '../engine.ts'
import { manifestOf } from './image-config.ts'
import { inspect } from './images.ts'
import { BrokenOff, NoContact, type Pushed, push, SinkFailed } from './push/push.ts'
import { ownTags, removeLeftTags, repositoryOf } from './push/push-tag.ts'
import { Registry } from './push/registry.ts'
import { SentBlobs } from './push/sent-blobs.ts'
import { copyBySave, FileUnreadable } from './save.ts'
import { withTinyImage } from './tiny-image.ts'

/** Copies that run at once: an engine sends few layers at a time anyway. */
const atOnce = 4

/** How long it is taken for true that the engine cannot read a layer, ms: should it be mended, that is seen in the end. */
const unreadableFor = 60 * 60_000

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
  /** The path of a file that the engine could not read, by the layer or, where it is not known which, the image. */
  readonly #unreadable = new LRUCache<string, string>({ max: 1_000, ttl: unreadableFor })
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

  /** Copies those layers of an image that the sink has not into it. @throws {LayersUnreadable} */
  async copy(reference: string, sink: LayerSink): Promise<ImageManifest> {
    const image = await inspect(this.#docker, reference)
    const manifest = manifestOf(image)
    const isMissing = (layer: string) => !sink.has(layer)
    const wanted = manifest.layers.filter(isMissing)
    if (wanted.length === 0) return manifest
    this.#refuseKnown(reference, [...wanted, image.Id])
    await this.#limit(async () => {
      // The engine removes an image with its last tag, so one without any cannot be given one for a while.
      const tagged = ownTags(image.RepoTags).length > 0
      const pushed: Pushed = { id: image.Id, layers: manifest.layers, size: image.Size }
      const sent = tagged && (await this.pushes()) && (await this.#push(pushed, sink))
      if (sent === true) return
      this.#closing.signal.throwIfAborted()
      await copyBySave(this.#docker, image, sink, this.#closing.signal).catch(error => {
        if (!(error instanceof FileUnreadable)) throw error
        const only = wanted.length === 1 ? wanted[0] : undefined
        const part = (sent instanceof BrokenOff ? sent.layer : only) ?? image.Id
        throw this.#remembered(reference, part, error)
      })
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

  #refuseKnown(reference: string, parts: readonly (DiffId | string)[]): void {
    for (const part of parts) {
      const path = this.#unreadable.get(part)
      if (path !== undefined) throw unreadable(reference, { path, isNew: false })
    }
  }

  #remembered(reference: string, part: DiffId | string, cause: FileUnreadable): LayersUnreadable {
    const { path } = cause
    const isNew = !this.#unreadable.has(part)
    this.#unreadable.set(part, path)
    return unreadable(reference, { path, isNew, cause })
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
   * True when all is sent; if not, the image has to be saved. Tried twice, for the engine sends a layer of two pushes at once with the
   * credentials of one, and when that one ends the other's is refused.
   */
  async #push(image: Pushed, sink: LayerSink): Promise<boolean | BrokenOff> {
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        await push(this.#docker, image, this.#registry, sink, this.#closing.signal)
        if (image.layers.every(layer => sink.has(layer))) return true
      } catch (error) {
        if (error instanceof SinkFailed) throw error.cause
        if (error instanceof EngineUnavailable || error instanceof NotFound) throw error
        if (error instanceof BrokenOff) return error
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

function unreadable(
  reference: string,
  found: { path: string; isNew: boolean; cause?: unknown },
): LayersUnreadable {
  return new LayersUnreadable(`copy of ${reference}: the engine cannot read ${found.path}`, found)
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
