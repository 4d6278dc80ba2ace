/**
 * The container engine as Dormice needs it. `DockerEngine` is the first implementation; nothing outside
 * `engine/` knows dockerode, a socket path or the shape of a container's inspect JSON.
 *
 * Every call is bounded in time by the implementation. A call that cannot reach the engine throws
 * {@link EngineUnavailable}; one that names a missing container or image throws {@link NotFound}.
 */
import type { Readable } from 'node:stream'

export class EngineUnavailable extends Error {
  override name = 'EngineUnavailable'
}
export class NotFound extends Error {
  override name = 'NotFound'
}

/** The engine would not start a container, for what its image or its settings say; the message is the engine's. */
export class CannotStart extends Error {
  override name = 'CannotStart'
}
/** An image is not on the engine and no registry gave it. */
export class PullFailed extends Error {
  override name = 'PullFailed'
}
/** A Dockerfile did not build; the message is the engine's. */
export class BuildFailed extends Error {
  override name = 'BuildFailed'
}

/** An image cannot be made, for layers of it are nowhere. */
export class LayersMissing extends Error {
  override name = 'LayersMissing'
}

/**
 * The engine has a layer and runs what consists of it, but cannot give it out any more: it does not find a file that
 * the layer's tar had. So it is with one whose name begins with `.wh.`, which in a layer says that another is deleted.
 */
export class LayersUnreadable extends Error {
  override name = 'LayersUnreadable'
  /** The file, as the app sees it; as much of it as the engine told. */
  readonly path: string
  /** It was not known before. */
  readonly isNew: boolean

  constructor(message: string, { path, isNew, cause }: { path: string; isNew: boolean; cause?: unknown }) {
    super(message, cause === undefined ? undefined : { cause })
    this.path = path
    this.isNew = isNew
  }
}

/** Labels on every container and image that Dormice makes: what recovery reads. Values are strings. */
export type Labels = {
  /** Id of the data folder that owns the object; several hosts can share an engine. */
  host: string
  role: 'instance' | 'build' | 'sandbox' | 'release' | 'snapshot'
  /** Name of the app; empty for a sandbox. */
  app: string
  /** The app's generation the object belongs to; see `apps/recovery.ts`. */
  generation: number
  /** Release number that the object descends from. */
  release: number
}

export type Limits = {
  /** Bytes. */
  memory: number
  /** Cores, may be a fraction. */
  cpu: number
  pids: number
  /** Bytes of /tmp, which is memory and counts as such. */
  tmp: number
}

/** The limits that an app's settings name. */
export type SetLimits = Omit<Limits, 'tmp'>

/** What a container may do. `confined`: our runtimes, no capability at all. `image`: strangers' images. */
export type Confinement = 'confined' | 'image'

export type ContainerSpec = {
  /** Unique on the engine: a second container of the same name is refused, which upholds I4. */
  name: string
  /** Image id or reference. */
  image: string
  labels: Labels
  /** Argument vector; replaces the image's entrypoint and command. */
  command: readonly string[]
  env: Readonly<Record<string, string>>
  /** Names of those variables whose values no image made of the container may hold. */
  secrets?: readonly string[]
  limits: Limits
  confinement: Confinement
  /** Named volume mounted read-write, outside of what a commit keeps: name and path in the container. */
  cache?: { volume: string; path: string }
  /** Seconds between SIGTERM and SIGKILL. */
  grace: number
}

export type ContainerState = 'created' | 'running' | 'paused' | 'exited'

export type Container = {
  id: string
  name: string
  state: ContainerState
  labels: Labels
  /** Reference or id of the image it was created from. */
  image: string
  /**
   * Address on the host's network where its ports are reached; undefined unless it runs, and where it runs but lost
   * its network for good.
   */
  address: string | undefined
  /** What it was created with; a list does not tell. */
  limits?: SetLimits
}

/** A container that was started, and how long the engine took for it, ms. */
export type Started = Container & { took: { create: number; start: number } }

export type Exit = { code: number; oomKilled: boolean }

export type Image = {
  id: string
  tags: readonly string[]
  labels: Labels
  /** Bytes on disk of all layers. */
  size: number
  /** Its file system layers, bottom first. */
  layers: readonly DiffId[]
  /** Ports that the image declares, TCP only, ascending. */
  ports: readonly number[]
  /** Paths the image declares as VOLUME: not part of a commit. */
  volumes: readonly string[]
  /** The image's own entrypoint and command, joined. */
  command: readonly string[]
}

/** How short of memory the engine's machine is. */
export type Pressure = {
  /** ms in which at least one of its processes waited for memory, since it started. */
  stalled: number
  /** Share of its memory that can be had without taking it from anybody, 0 to 1. */
  available: number
}

/** Names a layer: the SHA-256 of its uncompressed tar, `sha256:<64 hex digits>`, as in an image's `rootfs.diff_ids`. */
export type DiffId = string

/** What an image is made of, apart from the engine that holds it. */
export type ImageManifest = {
  /** JSON of the image's configuration without its labels and layers; only `engine/` looks into it. */
  config: string
  /** Bottom first. */
  layers: readonly DiffId[]
}

/** Where layers are copied to; see `layers/layer-store.ts`. */
export interface LayerSink {
  has(id: DiffId): boolean
  /** Keeps a layer's tar, which may be compressed with gzip or zstd; resolves once it is on disk. */
  add(tar: Readable): Promise<DiffId>
}

/** Where layers come from. */
export interface LayerSource {
  has(id: DiffId): boolean
  /** Bytes that {@link open} gives. */
  size(id: DiffId): number
  /** The layer's tar compressed with gzip. */
  open(id: DiffId): Readable
}

/** An image that was made of layers. */
export type Assembled = Image & {
  /** Resolves once its files are on disk; never rejects unheard. */
  flushed: Promise<void>
}

export type Change = { path: string; kind: 'added' | 'changed' | 'deleted' }

export type LogLine = {
  /** Epoch milliseconds. */
  at: number
  stream: 'stdout' | 'stderr'
  text: string
}

export type EngineEvent =
  | { kind: 'died'; container: string; code: number }
  /** A container that runs lost its network for good. */
  | { kind: 'cut-off'; container: string }
  /** A process of an app's instance was killed, for the instance has as much memory as it may have. It may go on. */
  | { kind: 'out-of-memory'; app: string }
  /** The event stream was (re)connected: anything may have been missed, look again. */
  | { kind: 'connected' }
  | { kind: 'disconnected' }

export interface Engine {
  /** A {@link start} will follow as soon as it may: so many are wanted at once, and next time it is prepared for. */
  expect(): void
  /**
   * Creates and starts; resolves with its address when the engine says it runs (not: when its port answers).
   * @throws {CannotStart} and then no container is left
   */
  start(spec: ContainerSpec): Promise<Started>
  /** Creates without starting. */
  create(spec: ContainerSpec): Promise<string>
  /** Starts a created container. @throws {CannotStart} */
  run(id: string): Promise<void>
  /** Resolves when the container is not running: SIGTERM, `grace` seconds, SIGKILL. Thaws a paused one first. */
  stop(id: string, grace: number): Promise<void>
  /** Stops a running container's processes where they are. No error when they are already. */
  freeze(id: string): Promise<void>
  /** Lets a frozen container go on. No error when it is not frozen. */
  thaw(id: string): Promise<void>
  /**
   * Gives back the memory of a frozen container, to swap where there is some; resolves with the bytes that it still
   * has, undefined where that cannot be done from here. A signal that aborts says that it is needed again.
   */
  reclaim(id: string, signal: AbortSignal): Promise<number | undefined>
  /** Bytes that containers have in memory, frozen ones too; without those for which that cannot be seen from here. */
  memory(ids: readonly string[]): Promise<ReadonlyMap<string, number>>
  /**
   * How often a container had as much memory as it may have, and wanted more, since it was made; undefined where that
   * cannot be seen from here.
   */
  limitHits(id: string): Promise<number | undefined>
  /** How short of memory the engine's machine is; undefined where that cannot be seen from here. */
  pressure(): Promise<Pressure | undefined>
  /** Resolves with the exit once the container has ended. @throws {NotFound} also when it ended by being removed */
  wait(id: string, signal?: AbortSignal): Promise<Exit>
  /** Kills if need be and removes, with its anonymous volumes; a name will do. No error when it is gone already. */
  remove(id: string): Promise<void>
  /** By id or by name. One that is just being removed is not found, once it is gone. */
  container(reference: string): Promise<Container>
  /** CPU time that a running container has used since it began, ms; undefined where the engine does not count it. */
  cpuTime(id: string): Promise<number | undefined>
  /**
   * How many TCP connections to elsewhere a running container holds that it opened itself; undefined where that
   * cannot be seen from here, as on another machine than the engine's.
   */
  outbound(id: string): Promise<number | undefined>
  /** All containers of this host, in any state. */
  containers(): Promise<Container[]>
  /**
   * What the container's disk has that its image has not. A hint: an engine may miss a file that was changed
   * and kept its size; `commit` misses none.
   */
  changes(id: string): Promise<Change[]>
  /** Writes a plain (uncompressed) tar stream into a container that never ran. */
  put(id: string, path: string, tar: Readable): Promise<void>
  /** Log lines so far and, with follow, as they come until the container ends or the signal aborts. */
  logs(
    id: string,
    options?: { since?: number; follow?: boolean; tail?: number; signal?: AbortSignal },
  ): AsyncIterable<LogLine>

  /**
   * Makes an image of a stopped container under an immutable tag; undefined, and no image, when its disk has nothing
   * that its image has not. The values of the secrets it was created with are kept out of the image.
   *
   * @param options.live it runs: it is frozen for as long as its disk is read, and goes on
   */
  commit(id: string, options: { tag: string; labels: Labels; live?: boolean }): Promise<Image | undefined>
  /**
   * Makes an image of a container that never ran under an immutable tag, so that its first instance changes
   * nothing by starting.
   */
  seal(id: string, options: { tag: string; labels: Labels }): Promise<Image>
  image(reference: string): Promise<Image>
  /** All images of this host. */
  images(): Promise<Pick<Image, 'id' | 'tags' | 'labels'>[]>
  /** Removes the tag or id; no error when it is gone already. */
  removeImage(reference: string): Promise<void>
  /**
   * Makes sure a reference is on the engine, pulling it if need be; lines of progress go to `log`.
   * @throws {PullFailed}
   */
  pull(reference: string, log: (line: string) => void, signal?: AbortSignal): Promise<Image>
  /**
   * Builds a Dockerfile from a plain tar of its folder.
   * @throws {BuildFailed}
   */
  build(
    tar: Readable,
    options: {
      tag: string
      labels: Labels
      limits: Limits
      log: (line: string) => void
      signal?: AbortSignal
    },
  ): Promise<Image>

  /**
   * Tries out how layers get to the engine and from it; what it finds is remembered. `leavesOut`: images are made
   * without sending layers that the engine has. `pushes`: single layers can be had from it.
   */
  probe(): Promise<{ leavesOut: boolean; pushes: boolean }>
  /** What an image is made of; nothing is copied. */
  manifest(reference: string): Promise<ImageManifest>
  /**
   * Copies those layers of an image that the sink has not into it, and says what the image is made of.
   * @throws {LayersUnreadable} which is remembered: asked for such a layer again, it throws at once
   */
  copyLayers(reference: string, sink: LayerSink): Promise<ImageManifest>
  /**
   * Makes an image of layers and a configuration under an immutable tag. Only layers that the engine has not in this
   * place are read from the source. The image is not to be relied on before {@link Assembled.flushed}.
   *
   * @param options.present so many layers from the bottom are known to be on the engine, which saves asking for them
   * @throws {LayersMissing} neither the engine nor the source has one of the layers
   */
  assemble(
    manifest: ImageManifest,
    options: { tag: string; labels: Labels; present?: number },
    source: LayerSource,
  ): Promise<Assembled>

  /** Has ready from now on what starts are made faster with. Called once what earlier runs left was looked at. */
  prepare(): Promise<void>
  /** What happens to containers of this host. Reconnects for ever until the signal aborts. */
  events(signal: AbortSignal): AsyncIterable<EngineEvent>
}
