import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { EngineView } from './engine-view.ts'

type Event = { Action: string; id: string; Actor: { Attributes: Record<string, string> } }

/** Sees every start and end of a host's instances, so that two of one app at a time are noticed however short it was. */
export class InstanceWatch implements Disposable {
  /** One line each time that an app got a second instance. */
  readonly doubles: string[] = []
  readonly #stream: Readable
  readonly #running = new Map<string, Set<string>>()

  private constructor(stream: Readable) {
    this.#stream = stream
    stream.on('error', () => {})
    createInterface({ input: stream }).on('line', line => this.#on(JSON.parse(line)))
  }

  /** Begins to watch; the host has started once, and no instance runs yet. */
  static async begin(engine: EngineView): Promise<InstanceWatch> {
    const stream: unknown = await engine.docker.getEvents({
      filters: { type: ['container'], event: ['start', 'die', 'destroy'], label: [engine.label] },
    })
    return new InstanceWatch(stream as Readable)
  }

  [Symbol.dispose](): void {
    this.#stream.destroy()
  }

  #on({ Action, id, Actor: { Attributes } }: Event): void {
    const app = Attributes['dormice.app'] ?? ''
    if (Attributes['dormice.role'] !== 'instance') return
    const running = this.#running.get(app) ?? new Set()
    this.#running.set(app, running)
    if (Action !== 'start') running.delete(id)
    else if (running.add(id).size > 1) this.doubles.push(`${app} had ${running.size} instances at a time`)
  }
}
