import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { DiffId, LayerSink } from '../../engine.ts'
import type { SentBlob, SentBlobs } from './sent-blobs.ts'
import { type Blob, Upload } from './upload.ts'

/** An engine sends five layers at once unless it is told otherwise. */
const maxUploads = 32

/** A request of the engine that is refused; the message is for the engine's log. */
export class Refused extends Error {
  override name = 'Refused'
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** One push: what may be asked and sent with its credentials, into one sink. */
export class Session {
  /** Names the session; the password is what proves it. */
  readonly username = randomBytes(12).toString('hex')
  readonly password = randomBytes(32).toString('base64url')
  /** The engine has reached us. */
  contacted = false
  /** The engine broke off an upload that it had begun. */
  brokenOff = false
  /** Layers of the image whose manifest was pushed, bottom first: all of them are in the sink. */
  pushed: readonly DiffId[] | undefined
  readonly #failed = new AbortController()
  readonly #sink: LayerSink
  readonly #sent: SentBlobs
  readonly #uploads = new Map<string, Upload>()
  readonly #documents = new Map<string, string>()
  #allowance: number
  #ended = false

  /** @param maxBytes what may be uploaded in all */
  constructor(sink: LayerSink, sent: SentBlobs, maxBytes: number) {
    // The engine hears of a sink that fails only that an upload broke, and would try it again for a minute.
    this.#sink = {
      has: id => sink.has(id),
      add: tar =>
        sink.add(tar).catch(error => {
          if (!this.#ended) this.#failed.abort(error)
          throw error
        }),
    }
    this.#sent = sent
    this.#allowance = maxBytes
  }

  /** Aborted, with what the sink failed with, when the push cannot succeed any more. */
  get failed(): AbortSignal {
    return this.#failed.signal
  }

  proves(password: string): boolean {
    const hash = (text: string) => createHash('sha256').update(text).digest()
    return timingSafeEqual(hash(password), hash(this.password))
  }

  /** Bytes of a blob that need not be sent, or has just been. */
  size(digest: string): number | undefined {
    const document = this.#documents.get(digest)
    return document === undefined ? this.#layer(digest)?.size : Buffer.byteLength(document)
  }

  /** Begins an upload; its name. */
  begin(): string {
    if (this.#uploads.size >= maxUploads) throw new Refused(429, 'too many uploads at once')
    const id = randomBytes(16).toString('hex')
    this.#uploads.set(
      id,
      new Upload(this.#sink, bytes => {
        this.#allowance -= bytes
        if (this.#allowance < 0) throw new Refused(413, 'more bytes than the image can have')
      }),
    )
    return id
  }

  upload(id: string): Upload {
    const upload = this.#uploads.get(id)
    if (!upload) throw new Refused(404, 'no such upload')
    return upload
  }

  async finish(id: string, digest: string): Promise<Blob> {
    const upload = this.upload(id)
    try {
      const blob = await upload.finish(digest)
      if ('layer' in blob) this.#sent.set(digest, { layer: blob.layer, size: blob.size })
      else this.#documents.set(digest, blob.json)
      return blob
    } finally {
      this.#uploads.delete(id)
    }
  }

  /**
   * Takes the manifest of an image: the layers that it names must be those of its configuration, and here. The
   * containerd image store pushes an index of manifests after them, which says nothing new.
   */
  manifest(text: string): void {
    const { config, layers, manifests } = JSON.parse(text) as Manifest
    if (Array.isArray(manifests)) return
    const document = this.#documents.get(String(config?.digest))
    if (document === undefined || !layers)
      throw new Refused(400, 'not the manifest of an image that was sent')
    const wanted = (JSON.parse(document) as { rootfs?: { diff_ids?: DiffId[] } }).rootfs?.diff_ids ?? []
    const got = layers.map(({ digest }) => this.#layer(String(digest))?.layer)
    if (got.length !== wanted.length || got.some((layer, place) => layer !== wanted[place])) {
      throw new Refused(400, 'the manifest’s layers are not the configuration’s')
    }
    this.pushed = wanted
  }

  /** Takes nothing more in, and remembers what came for the next push. */
  end(): void {
    this.#ended = true
    this.#sent.save()
    for (const upload of this.#uploads.values()) upload.cancel()
    this.#uploads.clear()
  }

  #layer(digest: string): SentBlob | undefined {
    const blob = this.#sent.get(digest)
    return blob && this.#sink.has(blob.layer) ? blob : undefined
  }
}

type Descriptor = { digest?: unknown }
type Manifest = { config?: Descriptor; layers?: Descriptor[]; manifests?: Descriptor[] }
