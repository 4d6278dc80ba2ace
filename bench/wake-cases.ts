import { setImmediate as immediate, setTimeout as pause } from 'node:timers/promises'
import type Docker from 'dockerode'
import type { TestHost } from '../test/support/host.ts'
import { type FirstAnswer, firstAnswer, untilAnswered } from './first-answer.ts'
import { createLike, type Network, type RawContainer, removeAll } from './raw-container.ts'
import type { Case, Sample } from './rounds.ts'
import { readServerTiming } from './server-timing.ts'

/** Between what comes before a measurement (a removal, a stop) and the measurement, so that the engine is done; ms. */
const settle = 100

/**
 * Ways to bring one app of a host from nothing to its first answer, Dormice's own and raw ones through dockerode
 * with the same image and settings. Disposing of it removes the raw containers.
 */
export class WakeCases implements AsyncDisposable {
  readonly #docker: Docker
  readonly #host: TestHost
  readonly #app: string
  /** The app's container as Dormice made it at its last wake: what the raw ones are made like. */
  #model: Docker.ContainerInspectInfo
  readonly #run: string
  #stopped: RawContainer | undefined

  private constructor(docker: Docker, host: TestHost, app: string, model: Docker.ContainerInspectInfo) {
    this.#docker = docker
    this.#host = host
    this.#app = app
    this.#model = model
    this.#run = host.id
  }

  /** For an app of the host that is awake. */
  static async of(docker: Docker, host: TestHost, app: string): Promise<WakeCases> {
    return new WakeCases(docker, host, app, await inspectInstance(docker, host, app))
  }

  /** A visitor's request to the app while it sleeps; the parts that the host reports are rows of their own. */
  asleep(name: string): Case {
    return {
      name,
      measure: async () => {
        await this.#host.sleep(this.#app)
        const began = await settled()
        const answer = await this.#visit()
        const timings = readServerTiming(answer.timing)
        if (!timings.some(({ name, description }) => name === 'wake' && description === 'cold'))
          throw new Error(`${this.#app} was not woken by the request: Server-Timing is "${answer.timing}"`)
        this.#model = await inspectInstance(this.#docker, this.#host, this.#app)
        const total = answer.at - began
        const reported = timings.map(part => ({ row: `  of it: ${part.name}`, unit: 'ms', value: part.ms }))
        const wake = timings.find(part => part.name === 'wake')?.ms ?? 0
        return [ms(name, total), ...reported, ms('  of it: all but wake (edge, app’s answer)', total - wake)]
      },
    }
  }

  /** A visitor's request to the app while it is frozen. @param when whether its memory has been given back before */
  frozen(name: string, when: 'just paused' | 'reclaimed'): Case {
    return {
      name,
      measure: async () => {
        await this.#visit()
        await this.#freeze(when)
        const began = when === 'reclaimed' ? await settled() : performance.now()
        const answer = await this.#visit()
        const timings = readServerTiming(answer.timing)
        if (!timings.some(({ name, description }) => name === 'wake' && description === 'frozen'))
          throw new Error(`${this.#app} was not frozen: Server-Timing is "${answer.timing}"`)
        return [ms(name, answer.at - began)]
      },
    }
  }

  async #freeze(when: 'just paused' | 'reclaimed'): Promise<void> {
    const told = () => this.#host.log.filter(({ event }) => event === 'frozen').length
    const before = told()
    // It answers once the memory is given back.
    const freezing = this.#host.api('POST', `/v1/apps/${this.#app}/freeze`)
    if (when === 'just paused') while (told() === before) await immediate()
    else await freezing
  }

  /** The same request to the app while it is awake, on a connection of its own. */
  awake(name: string): Case {
    return {
      name,
      measure: async () => {
        await this.#visit()
        const began = await settled()
        return [ms(name, (await this.#visit()).at - began)]
      },
    }
  }

  /** A container created, started and asked until it answers. */
  createStart(name: string, network: Network): Case {
    return {
      name,
      measure: async () => {
        const began = await settled()
        const raw = await createLike(this.#docker, this.#run, this.#model, network)
        await raw.container.start()
        const { at } = checked(await untilAnswered(await raw.address()))
        await raw.container.remove({ force: true, v: true })
        return [ms(name, at - began)]
      },
    }
  }

  /** A container that ran before and is stopped, started and asked until it answers at its published port. */
  dockerStart(name: string): Case {
    return {
      name,
      measure: async () => {
        const { container, address } = await this.#stoppedContainer()
        const began = await settled()
        await container.start()
        const { at } = checked(await untilAnswered(await address()))
        await container.kill()
        await container.wait()
        return [ms(name, at - began)]
      },
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await removeAll(this.#docker, this.#run)
  }

  async #stoppedContainer(): Promise<RawContainer> {
    if (this.#stopped) return this.#stopped
    const raw = await createLike(this.#docker, this.#run, this.#model, { kind: 'published' })
    await raw.container.start()
    await untilAnswered(await raw.address())
    await raw.container.kill()
    await raw.container.wait()
    this.#stopped = raw
    return raw
  }

  async #visit(): Promise<FirstAnswer> {
    const { port } = this.#host
    return checked(await firstAnswer({ host: '127.0.0.1', port, hostHeader: `${this.#app}.localhost` }))
  }
}

function ms(row: string, value: number): Sample {
  return { row, unit: 'ms', value }
}

function checked(answer: FirstAnswer): FirstAnswer {
  if (answer.status !== 200) throw new Error(`an answer has status ${answer.status}, not 200`)
  return answer
}

/** When the measurement begins. */
async function settled(): Promise<number> {
  await pause(settle)
  return performance.now()
}

async function inspectInstance(
  docker: Docker,
  host: TestHost,
  app: string,
): Promise<Docker.ContainerInspectInfo> {
  const found = (await host.containers()).find(each => each.Labels['dormice.app'] === app)
  if (!found) throw new Error(`${app} has no container`)
  return docker.getContainer(found.Id).inspect()
}
