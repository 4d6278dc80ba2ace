import { execFile } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import type Docker from 'dockerode'
import { bounded } from '../src/engine/docker/client.ts'
import { networkName } from '../src/engine/docker/network.ts'
import { NotFound } from '../src/engine/engine.ts'
import type { TestHost } from '../test/support/host.ts'
import { EngineEvents, partsOf } from './engine-events.ts'
import { firstAnswer, untilAnswered } from './first-answer.ts'
import type { Journal } from './journal.ts'
import { createLike, removeAll } from './raw-container.ts'
import type { Case, Sample } from './rounds.ts'

/** Between a start and the write that ends in a measurement, so that the engine is done with the start; ms. */
const settle = 100
/** Between two looks for a container that must go, ms. */
const step = 2

const execute = promisify(execFile)

/**
 * Ways from an app's answer to a request that wrote to its container being gone and its disk kept: Dormice's, and a
 * raw one through dockerode on a container of the same image and settings. Disposing of it removes what is raw.
 */
export class SleepCases implements AsyncDisposable {
  readonly #docker: Docker
  readonly #host: TestHost
  readonly #journal: Journal
  readonly #events: EngineEvents
  readonly #run: string
  /** The app's container as Dormice made it at its last wake: what the raw ones are made like. */
  #model: Docker.ContainerInspectInfo | undefined
  #commits = 0

  private constructor(docker: Docker, host: TestHost, journal: Journal, events: EngineEvents) {
    this.#docker = docker
    this.#host = host
    this.#journal = journal
    this.#events = events
    this.#run = host.id
  }

  static async of(docker: Docker, host: TestHost, journal: Journal): Promise<SleepCases> {
    return new SleepCases(docker, host, journal, await EngineEvents.listen(docker))
  }

  /** Dormice puts the app to sleep, asked right after the app's answer. */
  dormice(name: string): Case {
    return {
      name,
      measure: async () => {
        await firstAnswer(this.#journal.target)
        const container = await this.#instance()
        this.#model = await this.#docker.getContainer(container).inspect()
        await quiet()
        await this.#journal.write()
        const began = performance.now()
        await this.#host.sleep(this.#journal.app)
        return this.#samples(name, container, began)
      },
    }
  }

  /** Stop, commit and remove, one after the other, with the signal and grace that the container was made with. */
  raw(name: string, { sync }: { sync: boolean }): Case {
    return {
      name,
      measure: async () => {
        const { container, address } = await createLike(this.#docker, this.#run, await this.#like(), {
          kind: 'bridge',
          name: networkName,
        })
        await container.start()
        const target = await address()
        await untilAnswered(target)
        await quiet()
        await this.#journal.write(target)
        const began = performance.now()
        await container.stop()
        const reference = {
          container: container.id,
          repo: `dormice-bench/${this.#run}`,
          tag: String(++this.#commits),
        }
        // As options dockerode would send these as the image's configuration, too.
        await container.commit({ _query: { ...reference, pause: false }, _body: {} } as object)
        if (sync) await execute('sync')
        await container.remove({ v: true })
        const samples = await this.#samples(name, container.id, began)
        await this.#docker.getImage(`${reference.repo}:${reference.tag}`).remove()
        return samples
      },
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#events[Symbol.dispose]()
    await removeAll(this.#docker, this.#run)
  }

  /** Waits until the engine does not know the container any more: that is when the time ends, for all cases alike. */
  async #samples(name: string, container: string, began: number): Promise<Sample[]> {
    await untilGone(this.#docker, container)
    const total = performance.now() - began
    const parts = partsOf(await this.#events.of(container), total)
    return [
      { row: name, unit: 'ms', value: total },
      ...parts.map(({ part, ms }) => ({ row: `  ${name.split(':', 1)[0]}: ${part}`, unit: 'ms', value: ms })),
    ]
  }

  async #like(): Promise<Docker.ContainerInspectInfo> {
    if (this.#model) return this.#model
    await firstAnswer(this.#journal.target)
    this.#model = await this.#docker.getContainer(await this.#instance()).inspect()
    return this.#model
  }

  async #instance(): Promise<string> {
    const { app } = this.#journal
    const found = (await this.#host.containers()).find(each => each.Labels['dormice.app'] === app)
    if (!found) throw new Error(`${app} has no container`)
    return found.Id
  }
}

/** Nothing from before is left to be done, or to be written to disk, in what is measured next. */
async function quiet(): Promise<void> {
  await execute('sync')
  await pause(settle)
}

async function untilGone(docker: Docker, container: string): Promise<void> {
  for (;;) {
    try {
      await bounded('look at container', 10_000, () => docker.getContainer(container).inspect())
    } catch (error) {
      if (error instanceof NotFound) return
      throw error
    }
    await pause(step)
  }
}
