import type { Readable } from 'node:stream'
import {
  type Container,
  type ContainerSpec,
  type ContainerState,
  type Engine,
  type EngineEvent,
  EngineUnavailable,
  type Exit,
  type Image,
  type Labels,
  NotFound,
  type SetLimits,
  type Started,
} from '../engine/engine.ts'

/* For tests of the lifecycle: an engine in memory whose every step waits for its turn. */

/** How an app behaves once started: its port answers, it ends at once, or it never listens. */
export type Behaviour = 'good' | 'exits' | 'silent'

/**
 * What becomes of a call: it works; the engine cannot be reached; the answer is lost although the work was done;
 * the answer is lost and the work is done later.
 */
export type Fate = 'ok' | 'before' | 'after' | 'late'

type Disk = Map<string, string>
type FakeImage = {
  id: string
  tags: string[]
  labels: Labels
  disk: Disk
  behaviour: Behaviour
  layers: string[]
}
export type FakeContainer = {
  id: string
  name: string
  labels: Labels
  from: FakeImage
  reference: string
  limits: SetLimits
  disk: Disk
  state: ContainerState
  runs: number
  exit: PromiseWithResolvers<Exit>
  /** It ended by itself or by a call whose answer was lost, not because it was told to stop. */
  died: boolean
  /** It is frozen, and its memory was given back. */
  reclaimed: boolean
  /** It went on after it was frozen. */
  thawed: boolean
  /** What it does without being asked; see `Engine.cpuTime` and `Engine.outbound`. */
  cpuTime: number
  outbound: number
}

/** Waits until the test lets this step go on. */
export type Turn = (what: string) => Promise<void>

/** The engine's objects: what survives a crash of the host. */
export class FakeMachine {
  readonly containers = new Map<string, FakeContainer>()
  readonly images = new Map<string, FakeImage>()
  /** Bytes that an app's processes have once they run; nothing is told of an app that is not here. */
  readonly bytes = new Map<string, number>()
  /** Fates of the next calls, in order; then all calls work. */
  fates: Fate[] = []
  readonly #turn: Turn
  readonly #ended: (container: string, code: number) => void
  #ids = 0

  constructor(turn: Turn, ended: (container: string, code: number) => void) {
    this.#turn = turn
    this.#ended = ended
  }

  turn(what: string): Promise<void> {
    return this.#turn(what)
  }

  addImage(
    tag: string,
    labels: Labels,
    behaviour: Behaviour,
    disk: Disk = new Map(),
    layers: string[] = [],
  ): FakeImage {
    // A tag is moved: its former image has none then.
    for (const image of this.images.values()) image.tags = image.tags.filter(other => other !== tag)
    const layer = JSON.stringify([...disk].sort())
    const image = {
      id: `i${++this.#ids}`,
      tags: [tag],
      labels,
      disk: new Map(disk),
      behaviour,
      layers: [...layers, layer],
    }
    this.images.set(image.id, image)
    return image
  }

  findImage(reference: string): FakeImage | undefined {
    return (
      this.images.get(reference) ?? [...this.images.values()].find(image => image.tags.includes(reference))
    )
  }

  image(reference: string): FakeImage {
    const image = this.findImage(reference)
    if (!image) throw new NotFound(`no such image: ${reference}`)
    return image
  }

  find(reference: string): FakeContainer | undefined {
    return this.containers.get(reference) ?? [...this.containers.values()].find(one => one.name === reference)
  }

  container(reference: string): FakeContainer {
    const container = this.find(reference)
    if (!container) throw new NotFound(`no such container: ${reference}`)
    return container
  }

  /** The container that runs at an address. */
  at(address: string): FakeContainer | undefined {
    return [...this.containers.values()].find(one => one.state === 'running' && addressOf(one) === address)
  }

  /** An app's port: answers a good release's probe, never a silent one's. */
  async ready(address: string, signal: AbortSignal): Promise<void> {
    await this.turn(`probe ${address}`)
    signal.throwIfAborted()
    if (this.at(address)?.from.behaviour === 'good') return
    const { promise, reject } = Promise.withResolvers<void>()
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    return promise
  }

  create(spec: ContainerSpec): FakeContainer {
    if (this.find(spec.name)) throw new Error(`the name ${spec.name} is in use`)
    const from = this.image(spec.image)
    const container: FakeContainer = {
      id: `c${++this.#ids}`,
      name: spec.name,
      labels: spec.labels,
      from,
      reference: spec.image,
      limits: spec.limits,
      disk: new Map(from.disk),
      state: 'created',
      runs: 0,
      exit: Promise.withResolvers(),
      died: false,
      reclaimed: false,
      thawed: false,
      cpuTime: 0,
      outbound: 0,
    }
    this.containers.set(container.id, container)
    return container
  }

  run(id: string): void {
    const container = this.container(id)
    if (container.state === 'running' || container.state === 'paused') {
      throw new Error(`${id} is ${container.state} already`)
    }
    container.state = 'running'
    container.runs++
    container.exit = Promise.withResolvers()
    if (container.from.behaviour !== 'exits') return
    void this.turn(`exit ${id}`).then(() => this.end(id, 1, true))
  }

  pause(id: string): void {
    const container = this.container(id)
    if (container.state !== 'running' && container.state !== 'paused') throw new Error(`${id} is not running`)
    container.state = 'paused'
  }

  unpause(id: string): void {
    const container = this.container(id)
    if (container.state === 'paused') container.state = 'running'
    container.reclaimed = false
    container.thawed = true
    if (container.state !== 'running') throw new Error(`${id} is not running`)
  }

  /** Of a frozen one nothing is left in memory. */
  reclaim(id: string): number | undefined {
    const container = this.container(id)
    if (container.state === 'running') return undefined
    container.reclaimed = true
    return 0
  }

  memory(ids: readonly string[]): Map<string, number> {
    const found = ids.flatMap(id => {
      const container = this.containers.get(id)
      const bytes = container && this.bytes.get(container.labels.app)
      if (bytes === undefined || (container?.state !== 'running' && container?.state !== 'paused')) return []
      return [[id, container.reclaimed ? 0 : bytes] as const]
    })
    return new Map(found)
  }

  end(id: string, code: number, died: boolean): void {
    const container = this.containers.get(id)
    if (container?.state !== 'running' && container?.state !== 'paused') return
    container.state = 'exited'
    container.died = died
    container.exit.resolve({ code, oomKilled: false })
    this.#ended(id, code)
  }

  remove(id: string): void {
    const container = this.find(id)
    if (!container) return
    this.end(container.id, 137, false)
    this.containers.delete(container.id)
  }

  removeImage(reference: string): void {
    const image = this.findImage(reference)
    if (!image) return
    if ([...this.containers.values()].some(one => one.from === image)) {
      throw new Error(`${reference} is in use by a container`)
    }
    this.images.delete(image.id)
  }

  commit(id: string, tag: string, labels: Labels, live: boolean): FakeImage | undefined {
    const container = this.container(id)
    if (container.state !== (live ? 'running' : 'exited')) {
      throw new Error(`commit of ${id}, which is ${container.state}`)
    }
    const { disk, from } = container
    const same =
      disk.size === from.disk.size && [...disk].every(([key, value]) => from.disk.get(key) === value)
    return same ? undefined : this.addImage(tag, labels, from.behaviour, disk, from.layers)
  }
}

function addressOf(container: FakeContainer): string {
  return `${container.id}.${container.runs}`
}

function show(container: FakeContainer): Container {
  const { id, name, state, labels, reference, limits } = container
  return {
    id,
    name,
    state,
    labels,
    image: reference,
    address: state === 'running' || state === 'paused' ? addressOf(container) : undefined,
    limits,
  }
}

function showImage({ id, tags, labels, layers }: FakeImage): Image {
  return { id, tags, labels, size: 1, layers, ports: [], volumes: [], command: ['run'] }
}

/** One host's connection to the engine. After {@link cut} none of its calls is ever answered. */
export class FakeEngine implements Engine {
  readonly machine: FakeMachine
  #cut = false

  constructor(machine: FakeMachine) {
    this.machine = machine
  }

  /** The host crashed. */
  cut(): void {
    this.#cut = true
  }

  async #call<T>(what: string, work: () => T, { late = false } = {}): Promise<T> {
    const fate = this.machine.fates.shift() ?? 'ok'
    await this.machine.turn(what)
    if (this.#cut) return new Promise(() => undefined)
    if (fate === 'before') throw new EngineUnavailable(`${what}: cannot be reached`)
    if (fate === 'late' && late) {
      void this.machine.turn(`late ${what}`).then(() => {
        try {
          work()
        } catch {
          // Nobody hears of it.
        }
      })
      throw new EngineUnavailable(`${what}: no answer`)
    }
    const [failure, result] = attempt(work)
    await this.machine.turn(`answer ${what}`)
    if (this.#cut) return new Promise(() => undefined)
    if (fate !== 'ok') throw new EngineUnavailable(`${what}: no answer`)
    if (failure) throw failure.error
    return result as T
  }

  expect(): void {}

  async start(spec: ContainerSpec): Promise<Started> {
    const began = performance.now()
    const id = await this.create(spec)
    try {
      const created = performance.now()
      await this.run(id)
      const took = { create: created - began, start: performance.now() - created }
      return { ...(await this.container(id)), took }
    } catch (error) {
      await this.remove(id).catch(() => undefined)
      throw error
    }
  }

  async prepare(): Promise<void> {}

  memory = (ids: readonly string[]) => this.#call('read memory', () => this.machine.memory(ids))
  pressure = async () => undefined
  limitHits = async () => undefined
  reclaim = (id: string) => this.#call(`reclaim ${id}`, () => this.machine.reclaim(id))
  freeze = (id: string) => this.#call(`freeze ${id}`, () => this.machine.pause(id), { late: true })
  thaw = (id: string) => this.#call(`thaw ${id}`, () => this.machine.unpause(id), { late: true })

  create = (spec: ContainerSpec) =>
    this.#call(`create ${spec.name}`, () => this.machine.create(spec).id, { late: true })
  run = (id: string) => this.#call(`run ${id}`, () => this.machine.run(id), { late: true })
  stop = (id: string) =>
    this.#call(
      `stop ${id}`,
      () => {
        this.machine.container(id)
        this.machine.end(id, 143, false)
      },
      { late: true },
    )
  remove = (id: string) => this.#call(`remove ${id}`, () => this.machine.remove(id), { late: true })
  container = (id: string) => this.#call(`look at ${id}`, () => show(this.machine.container(id)))
  cpuTime = (id: string) => this.#call(`CPU time of ${id}`, () => this.machine.container(id).cpuTime)
  outbound = (id: string) => this.#call(`connections of ${id}`, () => this.machine.container(id).outbound)
  containers = () => this.#call('list', () => [...this.machine.containers.values()].map(show))
  images = () => this.#call('list images', () => [...this.machine.images.values()].map(showImage))
  image = (reference: string) =>
    this.#call(`look at ${reference}`, () => showImage(this.machine.image(reference)))
  removeImage = (reference: string) =>
    this.#call(`remove ${reference}`, () => this.machine.removeImage(reference))
  commit = (id: string, { tag, labels, live = false }: Parameters<Engine['commit']>[1]) =>
    this.#call(`commit ${id}`, () => {
      const image = this.machine.commit(id, tag, labels, live)
      return image && showImage(image)
    })

  async wait(id: string, signal?: AbortSignal): Promise<Exit> {
    const { promise, resolve, reject } = Promise.withResolvers<Exit>()
    promise.catch(() => undefined)
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
    await this.machine.turn(`wait ${id}`)
    const container = this.machine.find(id)
    if (!container) reject(new NotFound(`no such container: ${id}`))
    else void container.exit.promise.then(resolve)
    const exit = await promise
    return this.#cut ? new Promise(() => undefined) : exit
  }

  async *logs(id: string) {
    yield { at: 1, stream: 'stdout' as const, text: `hello from ${id}` }
  }

  probe = unused
  manifest = unused
  copyLayers = unused
  assemble = unused
  changes = unused
  put = unused as (id: string, path: string, tar: Readable) => Promise<never>
  seal = unused
  pull = unused
  build = unused
  events(): AsyncIterable<EngineEvent> {
    throw new Error('not part of the fake')
  }
}

function unused(): Promise<never> {
  throw new Error('not part of the fake')
}

function attempt<T>(work: () => T): [failure: { error: unknown } | undefined, result: T | undefined] {
  try {
    return [undefined, work()]
  } catch (error) {
    return [{ error }, undefined]
  }
}
