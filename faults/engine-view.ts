import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import Docker from 'dockerode'

/** What one host has on its engine and in its data folder, seen from outside of the host. */
export class EngineView {
  readonly docker: Docker
  readonly #data: string
  #host: string | undefined

  constructor(data: string, dockerHost?: string) {
    this.#data = data
    this.docker = dockerHost ? new Docker({ socketPath: dockerHost.replace('unix://', '') }) : new Docker()
  }

  /** This host's containers, in any state. */
  containers(): Promise<Docker.ContainerInfo[]> {
    return this.docker.listContainers({ all: true, filters: { label: [this.label] } })
  }

  /** This host's images; those that others are built on are not listed for themselves. */
  images(): Promise<Docker.ImageInfo[]> {
    return this.docker.listImages({ filters: { label: [this.label] } })
  }

  /** Removes the app's container, as somebody with a shell might; false when it has none. */
  async removeContainer(app: string): Promise<boolean> {
    const [found] = (await this.containers()).filter(one => one.Labels['dormice.app'] === app)
    if (!found) return false
    await this.docker.getContainer(found.Id).remove({ force: true })
    return true
  }

  /** Tags of the images that the host's store names. */
  named(): { releases: string[]; snapshots: string[] } {
    return this.#read(database => {
      const images = (table: string) =>
        (database.prepare(`select image from ${table}`).all() as { image: string }[]).map(row => row.image)
      return { releases: images('releases'), snapshots: images('snapshots') }
    })
  }

  /** Tags of images that can be made again from the data folder alone. */
  copied(): string[] {
    return this.#read(database => {
      const layers = new Set(readdirSync(join(this.#data, 'layers')))
      const rows = database.prepare('select image, copy from copies').all() as {
        image: string
        copy: string
      }[]
      return rows
        .filter(row =>
          (JSON.parse(row.copy).manifest.layers as string[]).every(id => layers.has(`${id.slice(7)}.tar.gz`)),
        )
        .map(row => row.image)
    })
  }

  /**
   * What belongs to this host and to none of its apps, one line each: containers beside the one that an app may have,
   * images that no release and no snapshot has, halves of files.
   */
  async leaks(): Promise<string[]> {
    const containers = await this.containers()
    const images = await this.images()
    const apps = this.#read(
      database =>
        new Set((database.prepare('select name from apps').all() as { name: string }[]).map(row => row.name)),
    )
    const { releases, snapshots } = this.named()
    const named = new Set([...releases, ...snapshots])
    const seen = new Set<string>()
    const leaks: string[] = []
    for (const { Names, Labels, State } of containers) {
      const { 'dormice.app': app = '', 'dormice.role': role } = Labels
      // They are just made, lie ready or have an instance in them; one that has ended is of no use to anybody.
      if (role === 'sandbox' && State !== 'exited') continue
      const spare = role !== 'instance' || !apps.has(app) || seen.has(app) || State === 'created'
      seen.add(app)
      if (spare) leaks.push(`container ${Names[0]} (${State})`)
    }
    for (const { Id, RepoTags, Labels } of images) {
      // The engine is being tried out with it, or was when the host was killed: it goes with the next try.
      if (Labels?.['dormice.probe'] !== undefined) continue
      const tags = (RepoTags ?? []).filter(tag => tag !== '<none>:<none>')
      if (tags.length === 0) leaks.push(`image ${Id.slice(0, 19)} without a tag`)
      for (const tag of tags) if (!named.has(tag)) leaks.push(`image ${tag}`)
    }
    for (const folder of ['uploads', 'layers', 'imports']) {
      for (const name of list(join(this.#data, folder))) {
        if (folder !== 'layers' || name.endsWith('.part')) leaks.push(`file ${folder}/${name}`)
      }
    }
    return leaks
  }

  /** Images that the store names and that are neither on the engine nor copied. */
  async missing(): Promise<string[]> {
    const there = new Set((await this.images()).flatMap(image => image.RepoTags ?? []))
    const { releases, snapshots } = this.named()
    const copied = new Set(this.copied())
    return [...releases, ...snapshots].filter(tag => !there.has(tag) && !copied.has(tag))
  }

  /** Removes everything of this host from the engine, by label. */
  async removeAll(): Promise<void> {
    try {
      this.label
    } catch {
      // It never had a database, so it made nothing.
      return
    }
    for (const { Id } of await this.containers()) {
      await this.docker.getContainer(Id).remove({ force: true, v: true }).catch(ignoreMissing)
    }
    for (let removed = true; removed; ) {
      removed = false
      for (const { Id } of await this.images()) {
        // One that others lie on goes in a later round.
        removed =
          (await this.docker
            .getImage(Id)
            .remove({ force: true })
            .then(
              () => true,
              () => false,
            )) || removed
      }
    }
    const { Volumes } = await this.docker.listVolumes({ filters: { label: [this.label] } })
    for (const { Name } of Volumes ?? []) await this.docker.getVolume(Name).remove().catch(ignoreMissing)
  }

  /** Filter of what is this host's; it has started once. */
  get label(): string {
    this.#host ??= this.#read(
      database =>
        (database.prepare("select value from meta where key = 'host'").get() as { value: string }).value,
    )
    return `dormice.host=${this.#host}`
  }

  #read<T>(look: (database: Database.Database) => T): T {
    const database = new Database(join(this.#data, 'dormice.db'), { readonly: true })
    try {
      return look(database)
    } finally {
      database.close()
    }
  }
}

function ignoreMissing(error: unknown): void {
  if ((error as { statusCode?: unknown }).statusCode !== 404) throw error
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
