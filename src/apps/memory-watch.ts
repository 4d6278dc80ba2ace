import { messageOf } from '../problem.ts'
import type { Apps } from './apps.ts'
import { AtLimit } from './at-limit.ts'
import type { Context } from './context.ts'
import type { Instance } from './instance.ts'

/** Of so many looks one is at those too that were seen frozen before: what they have does not grow. */
const allEvery = 15

type Up = { instance: Instance; container: string }

/** Looks at how much memory all instances have, in one pass, and has them charged for it. */
export class MemoryWatch {
  readonly #context: Pick<Context, 'engine' | 'keeper' | 'log'>
  readonly #apps: Apps
  readonly #atLimit = new AtLimit()
  #looking: Promise<void> | undefined
  #looks = 0
  /** Containers that the last look at them saw frozen. */
  readonly #frozen = new Set<string>()

  constructor(context: Pick<Context, 'engine' | 'keeper' | 'log'>, apps: Apps) {
    this.#context = context
    this.#apps = apps
  }

  /** Called every now and then; never rejects. Later calls join one that is under way. */
  look(): Promise<void> {
    this.#looking ??= this.#look()
      .catch(error => this.#context.log.warn('memory_not_seen', { error: messageOf(error) }))
      .finally(() => {
        this.#looking = undefined
      })
    return this.#looking
  }

  async #look(): Promise<void> {
    const { engine, keeper } = this.#context
    const up = [...this.#apps.all()].flatMap(instance => {
      const { container } = instance
      return container === undefined ? [] : [{ instance, container }]
    })
    const all = this.#looks++ % allEvery === 0
    const isKnown = ({ instance, container }: Up) =>
      instance.state === 'frozen' && this.#frozen.has(container)
    const looked = all ? up : up.filter(one => !isKnown(one))
    const found = await engine.memory(looked.map(({ container }) => container))
    for (const { instance, container } of looked) {
      const bytes = found.get(container)
      // It may be another one by now.
      if (bytes === undefined || instance.container !== container) continue
      // On its way from one to the other, it is charged by who takes it there.
      if (instance.state !== 'awake' && instance.state !== 'frozen') continue
      keeper.recharge(instance.name, instance.resources.has(bytes))
      if (instance.state === 'frozen') this.#frozen.add(container)
      else this.#frozen.delete(container)
    }
    keeper.relieve()
    const containers = new Set(up.map(({ container }) => container))
    for (const container of this.#frozen) if (!containers.has(container)) this.#frozen.delete(container)
    this.#atLimit.keep(containers)
    await this.#tellOfFullOnes(up, found)
  }

  /** Those that stay at their limits and want more, while the kernel takes from them what it can. */
  async #tellOfFullOnes(up: readonly Up[], found: ReadonlyMap<string, number>): Promise<void> {
    for (const { instance, container } of up) {
      const bytes = found.get(container) ?? 0
      const { limit } = instance.resources
      if (instance.state !== 'awake' || !this.#atLimit.concerns(container, { bytes, limit })) continue
      const hits = await this.#context.engine.limitHits(container)
      if (hits === undefined || instance.container !== container) continue
      if (this.#atLimit.look(container, hits)) instance.resources.reachedLimit('full')
    }
  }
}
