import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type Behaviour, FakeMachine } from './fake-engine.ts'
import { FakeHost, makeRelease } from './fake-world.ts'

/** A host with apps on a fake engine whose steps can be held: the one whose name matches waits until it is let go. */
export class Stage {
  readonly data = mkdtempSync(join(tmpdir(), 'dormice-stage-'))
  readonly machine: FakeMachine
  clock = 1_000_000
  host: FakeHost
  readonly steps: string[] = []
  /** Deaths are told by the engine's events, as they are unless a test is earlier. */
  told = true
  #held: { pattern: RegExp; reached: () => void; go: Promise<void> } | undefined

  constructor(t: TestContext, apps: readonly string[]) {
    this.machine = new FakeMachine(
      async what => {
        this.steps.push(what)
        const held = this.#held
        if (!held?.pattern.test(what)) return
        this.#held = undefined
        held.reached()
        await held.go
      },
      (container, code) => {
        if (this.told) this.host.apps.died(container, code)
      },
    )
    this.host = new FakeHost(this)
    for (const app of apps) this.deploy(app)
    t.after(() => {
      this.host.store[Symbol.dispose]()
      rmSync(this.data, { recursive: true, force: true })
    })
  }

  /** Makes the app run a release at once. */
  deploy(app: string, behaviour: Behaviour = 'good') {
    const { store, apps } = this.host
    store.createApp(app, this.clock)
    store.promote(makeRelease(store, this.machine, app, behaviour))
    return apps.instance(app)
  }

  app(name: string) {
    return this.host.apps.get(name)
  }

  /** Holds the next step that matches; resolves once it is reached, with what lets it go on. */
  async hold(pattern: RegExp, begin: () => unknown): Promise<() => void> {
    const { promise: go, resolve } = Promise.withResolvers<void>()
    const { promise: reached, resolve: reach } = Promise.withResolvers<void>()
    this.#held = { pattern, reached: reach, go }
    begin()
    await reached
    return resolve
  }

  /** A request that writes a file. */
  async write(name: string, file: string): Promise<void> {
    const lease = await this.app(name).acquire(new AbortController().signal)
    this.machine.at(lease.upstream.host)?.disk.set(file, 'written')
    lease.release()
  }

  async read(name: string): Promise<string[]> {
    const lease = await this.app(name).acquire(new AbortController().signal)
    const disk = this.machine.at(lease.upstream.host)?.disk
    lease.release()
    return [...(disk?.keys() ?? [])]
  }

  containersOf(name: string) {
    return [...this.machine.containers.values()].filter(one => one.labels.app === name)
  }

  /** The host crashes, and another begins that has not looked at the engine yet. */
  restart(): void {
    this.host.crash()
    this.host = new FakeHost(this)
  }

  async crash(): Promise<void> {
    this.restart()
    await this.host.apps.reconcile()
  }
}
