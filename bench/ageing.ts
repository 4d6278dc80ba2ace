import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import type Docker from 'dockerode'
import { statusOf } from '../src/engine/docker/client.ts'
import type { TestHost } from '../test/support/host.ts'
import { overBudget, ownBytes } from './disk.ts'
import { firstAnswer } from './first-answer.ts'
import { Journal } from './journal.ts'
import { type Row, summarise } from './report.ts'
import type { Case } from './rounds.ts'
import { readServerTiming } from './server-timing.ts'

/** Between a removal and the wake that is measured, so that the engine is done; ms. */
const settle = 100
/** Work in the background is over when the host's images have stayed the same for this long, ms. */
const still = 2_000
/** How long it may take, ms. */
const patience = 60_000
/** Further looks at a current image that was replaced between its name and its layers. */
const looks = 3

const execute = promisify(execFile)

/** An app that has been put to sleep many times, each time after a write. */
export class AgedApp {
  readonly #docker: Docker
  readonly #host: TestHost
  readonly #journal: Journal
  readonly #depths: number[] = []
  sleeps = 0

  private constructor(docker: Docker, host: TestHost, journal: Journal) {
    this.#docker = docker
    this.#host = host
    this.#journal = journal
  }

  static async deploy(docker: Docker, host: TestHost, app: string): Promise<AgedApp> {
    return new AgedApp(docker, host, await Journal.deploy(host, app))
  }

  /** What its rows begin with. */
  get name(): string {
    return `${this.sleeps} sleeps`
  }

  /** One more write and sleep. */
  async age(): Promise<void> {
    await this.#journal.write()
    await this.#host.sleep(this.#journal.app)
    this.sleeps++
    this.#depths.push(await this.#depth())
  }

  /** Asleep → first byte of a request that changes nothing on the app's disk. */
  wake(): Case {
    const name = `${this.name}: asleep → first byte`
    return {
      name,
      measure: async () => {
        await this.#host.sleep(this.#journal.app)
        await pause(settle)
        const began = performance.now()
        const { at, status, timing } = await firstAnswer(this.#journal.target)
        const cold = readServerTiming(timing).some(
          entry => entry.name === 'wake' && entry.description === 'cold',
        )
        if (status !== 200 || !cold)
          throw new Error(`${this.#journal.app} was not woken: ${status}, "${timing}"`)
        return [{ row: name, unit: 'ms', value: at - began }]
      },
    }
  }

  /** Depth and disk now: the share of its bound that the disk takes, and how many times the app's files it is. */
  async weigh(): Promise<{ rows: Row[]; budget: number; times: number }> {
    const { snapshots } = await this.#snapshots()
    const { release, images } = await this.#images()
    const own = ownBytes(stackOf(release), images.map(stackOf))
    const disk = own.reduce((sum, bytes) => sum + bytes, 0)
    const isOf = (which: readonly { image: string }[]) => (image: Docker.ImageInspectInfo) =>
      which.some(snapshot => image.RepoTags.includes(snapshot.image))
    const isKept = isOf(snapshots.filter(snapshot => !snapshot.current))
    const kept = own.reduce((sum, bytes, index) => sum + (isKept(images[index]!) ? bytes : 0), 0)
    const { live } = this.#journal
    const row = (what: string, unit: string, ...samples: number[]) =>
      summarise(`${this.name}: ${what}`, unit, samples)
    const blocks = await blocksOf(release, images)
    return {
      rows: [
        row('layers of the image', 'layers', await this.#depth()),
        row('  of them the release’s', 'layers', release.RootFS.Layers?.length ?? 0),
        row('layers of the image, at every sleep', 'layers', ...this.#depths),
        row('snapshots kept', 'snapshots', snapshots.length),
        row('files that the app wrote', 'kB', live / 1_000),
        row('layers above the release’s', 'kB', disk / 1_000),
        row('  changed by kept snapshots', 'kB', kept / 1_000),
        blocks === undefined ? row('  blocks on disk', 'kB') : row('  blocks on disk', 'kB', blocks / 1_000),
      ],
      budget: overBudget({ disk, live, kept }),
      times: disk / live,
    }
  }

  /** @throws when a write was lost */
  check(): Promise<void> {
    return this.#journal.check()
  }

  async #snapshots(): Promise<{ snapshots: { number: number; image: string; current: boolean }[] }> {
    return (await this.#host.api('GET', `/v1/apps/${this.#journal.app}/snapshots`)).json
  }

  /** Layers of the current snapshot's image, the release's included. */
  async #depth(): Promise<number> {
    for (let again = looks; ; again--) {
      const { snapshots } = await this.#snapshots()
      const current = snapshots.find(snapshot => snapshot.current)
      if (!current)
        throw new Error(`${this.#journal.app} has no snapshot after a sleep that followed a write`)
      try {
        return (await this.#host.inspectImage(current.image)).RootFS.Layers?.length ?? 0
      } catch (error) {
        // Its layers were merged in between, and another image took its place.
        if (again === 0 || statusOf(error) !== 404) throw error
      }
    }
  }

  /** Every image that the app has on the engine, also such as only others are built on. */
  async #images(): Promise<{ release: Docker.ImageInspectInfo; images: Docker.ImageInspectInfo[] }> {
    const label = [`dormice.host=${this.#host.id}`, `dormice.app=${this.#journal.app}`]
    const found = await this.#docker.listImages({ all: true, filters: { label } })
    const all = await Promise.all(found.map(({ Id }) => this.#host.inspectImage(Id)))
    const release = all.find(image => image.Config.Labels['dormice.role'] === 'release')
    if (!release) throw new Error(`${this.#journal.app} has no image of a release`)
    return { release, images: all.filter(image => image !== release) }
  }
}

/** Waits until no image of the host comes or goes any more: what it does in the background is done. */
export async function untilStill(host: TestHost, signal: AbortSignal): Promise<void> {
  const look = async () =>
    (await host.images())
      .map(image => image.Id)
      .sort()
      .join()
  const deadline = performance.now() + patience
  let [seen, since] = [await look(), performance.now()]
  while (performance.now() - since < still) {
    if (performance.now() > deadline)
      throw new Error('the host’s images still change after a minute without a request')
    await pause(100, undefined, { signal })
    const now = await look()
    if (now !== seen) [seen, since] = [now, performance.now()]
  }
}

/** Bytes of the copies of layers in the host's data folder. */
export async function copiesOf(host: TestHost): Promise<number> {
  const folder = join(host.data, 'layers')
  return (await allocated([folder])) ?? 0
}

function stackOf(image: Docker.ImageInspectInfo) {
  return { layers: image.RootFS.Layers ?? [], size: image.Size }
}

/** Bytes allocated for the layers above the release's, where the engine's folders can be read. */
async function blocksOf(
  release: Docker.ImageInspectInfo,
  images: readonly Docker.ImageInspectInfo[],
): Promise<number | undefined> {
  const below = new Set(foldersOf(release))
  const above = new Set(images.flatMap(foldersOf).filter(folder => !below.has(folder)))
  return above.size === 0 ? undefined : allocated([...above])
}

function foldersOf({ GraphDriver }: Docker.ImageInspectInfo): string[] {
  const { UpperDir, LowerDir } = (GraphDriver?.Data ?? {}) as { UpperDir?: string; LowerDir?: string }
  return [UpperDir, LowerDir].flatMap(folders => folders?.split(':') ?? [])
}

/** Bytes of blocks under the folders; undefined when they cannot be read. */
async function allocated(folders: readonly string[]): Promise<number | undefined> {
  const readable = await Promise.all(folders.map(folder => readdir(folder))).catch(() => undefined)
  if (!readable) return undefined
  const { stdout } = await execute('du', ['-s', '-c', '-B1', ...folders], { maxBuffer: 1 << 24 })
  return Number.parseInt(stdout.trim().split('\n').at(-1) ?? '', 10)
}
