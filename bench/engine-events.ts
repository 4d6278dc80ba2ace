import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type Docker from 'dockerode'

/** What the engine said about a container, and when: ms of the engine's clock. */
export type Moment = { action: string; at: number }

/** A container's way to its end in the order in which the engine tells of it. */
const ends = [
  ['signal → ended', 'kill', 'die'],
  ['ended → stopped (network taken down)', 'die', 'stop'],
  ['stopped → committed', 'stop', 'commit'],
  ['committed → removed', 'commit', 'destroy'],
] as const

/** The engine's events may be told a little after the call that caused them was answered, ms. */
const patience = 10_000

/** Listens to what the engine says about containers, so that others' steps can be timed from outside. */
export class EngineEvents implements Disposable {
  readonly #moments = new Map<string, Moment[]>()
  readonly #ended = new Map<string, PromiseWithResolvers<void>>()
  readonly #stream: Readable

  private constructor(stream: Readable) {
    this.#stream = stream
    createInterface({ input: stream }).on('line', line => this.#take(JSON.parse(line)))
  }

  static async listen(docker: Docker): Promise<EngineEvents> {
    const stream = await docker.getEvents({ filters: { type: ['container'] } })
    return new EngineEvents(stream as Readable)
  }

  /** Everything said about a container until it was removed, after which it is forgotten. */
  async of(container: string): Promise<Moment[]> {
    const late = AbortSignal.timeout(patience)
    const ended = this.#endOf(container)
    late.addEventListener('abort', () =>
      ended.reject(new Error(`the engine did not tell of ${container}’s removal`)),
    )
    await ended.promise
    const moments = this.#moments.get(container) ?? []
    this.#moments.delete(container)
    this.#ended.delete(container)
    return moments
  }

  [Symbol.dispose](): void {
    this.#stream.destroy()
  }

  #take({ id, Action, timeNano }: { id: string; Action: string; timeNano: number }): void {
    const moments = this.#moments.get(id) ?? []
    this.#moments.set(id, [...moments, { action: Action, at: timeNano / 1e6 }])
    if (Action === 'destroy') this.#endOf(id).resolve()
  }

  #endOf(container: string): PromiseWithResolvers<void> {
    const known = this.#ended.get(container) ?? Promise.withResolvers<void>()
    this.#ended.set(container, known)
    return known
  }
}

/**
 * How long each part of a container's end took; `rest` is what the engine's events do not cover: before the signal
 * was sent and after the container was removed.
 *
 * @param total ms of the whole
 */
export function partsOf(moments: readonly Moment[], total: number): { part: string; ms: number }[] {
  const at = (action: string) => moments.findLast(moment => moment.action === action)?.at
  const parts = ends.flatMap(([part, from, to]) => {
    const [begin, end] = [at(from), at(to)]
    return begin === undefined || end === undefined ? [] : [{ part, ms: end - begin }]
  })
  return [...parts, { part: 'before and after', ms: total - parts.reduce((sum, { ms }) => sum + ms, 0) }]
}
