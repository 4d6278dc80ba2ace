import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { Apps } from '../apps/apps.ts'
import type { Context } from '../apps/context.ts'
import { fakeContext } from '../apps/fake-context.ts'
import { releaseTag, snapshotTag } from '../apps/naming.ts'
import { type DiffId, type Engine, type Labels, NotFound } from '../engine/engine.ts'
import { type Sample, tarOf } from '../layers/sample-layers.ts'
import type { Release, Snapshot } from '../store/records.ts'
import type { Store } from '../store/store.ts'

/* For tests of the timeline: sleeping apps on an engine in memory that knows images and no containers. */

type FakeImage = { id: string; tags: string[]; labels: Labels; layers: readonly DiffId[] }

/** The engine's part that is about images. A test may give `before` a call to wait for. */
export class FakeImages {
  readonly all = new Map<string, FakeImage>()
  before: (call: string, reference: string) => Promise<void> | void = () => undefined
  #ids = 0

  add(tag: string, labels: Labels, layers: readonly DiffId[]): FakeImage {
    for (const one of this.all.values()) one.tags = one.tags.filter(other => other !== tag)
    const image = { id: `i${++this.#ids}`, tags: [tag], labels, layers }
    this.all.set(image.id, image)
    return image
  }

  tags(): string[] {
    return [...this.all.values()].flatMap(one => one.tags).sort()
  }

  find(reference: string): FakeImage {
    const found = this.all.get(reference) ?? [...this.all.values()].find(one => one.tags.includes(reference))
    if (!found) throw new NotFound(`no such image: ${reference}`)
    return found
  }

  remove(reference: string): void {
    for (const one of this.all.values()) {
      if (one.id === reference || one.tags.includes(reference)) this.all.delete(one.id)
    }
  }

  /** As much of the engine as the timeline of a sleeping app asks for. */
  engine(): Engine {
    const show = (image: FakeImage) => ({
      ...image,
      size: 100 * image.layers.length,
      ports: [],
      volumes: [],
      command: ['run'],
    })
    const engine: Partial<Engine> = {
      container: async id => {
        throw new NotFound(`no such container: ${id}`)
      },
      containers: async () => [],
      changes: async () => [],
      remove: async () => undefined,
      images: async () => {
        await this.before('images', '')
        return [...this.all.values()].map(show)
      },
      image: async reference => {
        await this.before('image', reference)
        return show(this.find(reference))
      },
      manifest: async reference => {
        await this.before('manifest', reference)
        return { config: '{}', layers: this.find(reference).layers }
      },
      copyLayers: async reference => {
        await this.before('copyLayers', reference)
        return { config: '{}', layers: this.find(reference).layers }
      },
      assemble: async ({ layers }, { tag, labels }) => {
        await this.before('assemble', tag)
        const image = show(this.add(tag, labels, layers))
        const flushed = (async () => this.before('flush', tag))()
        flushed.catch(() => undefined)
        return { ...image, flushed }
      },
      removeImage: async reference => {
        await this.before('removeImage', reference)
        this.remove(reference)
      },
    }
    return engine as Engine
  }
}

/** A host's parts around {@link FakeImages}. */
export class TimelineStage implements Disposable {
  readonly data: string
  readonly images = new FakeImages()
  readonly store: Store
  readonly context: Context
  readonly apps: Apps
  clock = 1_000_000

  constructor(env: Record<string, string> = {}) {
    this.data = mkdtempSync(join(tmpdir(), 'dormice-timeline-'))
    this.context = fakeContext({ data: this.data, engine: this.images.engine(), now: () => this.clock, env })
    this.store = this.context.store
    this.apps = new Apps(this.context)
  }

  [Symbol.dispose](): void {
    this.store[Symbol.dispose]()
    rmSync(this.data, { recursive: true, force: true })
  }

  layer(...entries: Sample[]): Promise<DiffId> {
    return this.context.layers.add(Readable.from([tarOf(entries)], { objectMode: false }))
  }

  /** A release of these layers, which the app runs then. */
  release(app: string, layers: readonly DiffId[], as: Partial<Release> = {}): Release {
    const { hostId } = this.store
    this.store.createApp(app, this.clock)
    const number = this.store.nextRelease(app)
    const image = releaseTag(hostId, app, number)
    this.images.add(image, { host: hostId, role: 'release', app, generation: 0, release: number }, layers)
    const release: Release = {
      app,
      number,
      createdAt: this.clock,
      image,
      size: 100 * layers.length,
      layers: layers.length,
      spec: {
        runtime: 'node',
        command: ['run'],
        port: 8080,
        env: {},
        confinement: 'confined',
        state: 'keep',
        settings: {},
        source: { kind: 'image', reference: 'test' },
      },
      ...as,
    }
    this.store.promote(release)
    this.apps.instance(app)
    return release
  }

  /** A snapshot that a sleep made, of the release's layers and these, which is the app's current one then. */
  sleep(app: string, layers: readonly DiffId[], as: Partial<Snapshot> = {}): Snapshot {
    const { hostId } = this.store
    const launch = this.store.launch(app)
    if (!launch) throw new Error(`${app} has no release`)
    const number = this.store.nextSnapshot(app)
    const image = snapshotTag(hostId, app, number)
    const generation = launch.app.generation + 1
    const release = launch.release.number
    this.images.add(image, { host: hostId, role: 'snapshot', app, generation, release }, layers)
    const snapshot: Snapshot = {
      app,
      number,
      release,
      createdAt: this.clock,
      reason: 'idle',
      image,
      size: 100 * layers.length,
      layers: layers.length,
      generation,
      bytes: 100,
      pinned: false,
      source: null,
      changed: null,
      ...as,
    }
    this.store.addSnapshot(snapshot)
    return snapshot
  }
}
