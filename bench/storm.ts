import { setTimeout as pause } from 'node:timers/promises'
import Docker from 'dockerode'
import pLimit from 'p-limit'
import type { TestHost } from '../test/support/host.ts'
import { untilAnswered } from './first-answer.ts'
import { createLike } from './raw-container.ts'
import type { Case } from './rounds.ts'

/** Starts at once of the raw loop. */
const atOnce = 4

/** Sleeping apps that are all asked at the same moment, beside containers that a bare loop starts in ready sandboxes. */
export class Storm {
  readonly #docker = new Docker()
  readonly #host: TestHost
  readonly #apps: readonly string[]
  #model: Docker.ContainerInspectInfo | undefined

  /** @param apps which of the host's */
  constructor(host: TestHost, apps: readonly string[]) {
    this.#host = host
    this.#apps = apps
  }

  /** All at once, to the last first byte. */
  dormice(name: string): Case {
    return {
      name,
      measure: async () => {
        await this.#asleep()
        const began = performance.now()
        const answers = await Promise.all(this.#apps.map(app => this.#host.visit(app)))
        const took = performance.now() - began
        const failed = answers.find(({ status }) => status !== 200)
        if (failed) throw new Error(`an app answered ${failed.status}: ${failed.body}`)
        this.#model ??= await this.#anInstance()
        return [{ row: name, unit: 'ms', value: took }]
      },
    }
  }

  /** As many containers with the same settings, four at a time, each in a sandbox that is there before. */
  raw(name: string): Case {
    return {
      name,
      measure: async () => {
        // What the apps use would be taken from the loop.
        await this.#asleep()
        const model = this.#model
        if (model === undefined) throw new Error('no app was woken yet')
        const run = this.#host.id
        const sandboxes = await this.#rawSandboxes(run)
        const line = pLimit(atOnce)
        const began = performance.now()
        const started = await Promise.all(
          sandboxes.map(sandbox =>
            line(async () => {
              const raw = await createLike(this.#docker, run, model, { kind: 'sandbox', ...sandbox })
              await raw.container.start()
              await untilAnswered(await raw.address())
              return raw.container
            }),
          ),
        )
        const took = performance.now() - began
        const gone = [...started, ...sandboxes.map(({ id }) => this.#docker.getContainer(id))]
        await Promise.all(gone.map(one => line(() => one.remove({ force: true, v: true }))))
        return [{ row: name, unit: 'ms', value: took }]
      },
    }
  }

  /** Everything sleeps, and as many sandboxes lie ready as the last storm has shown to be wanted. */
  async #asleep(): Promise<void> {
    const line = pLimit(atOnce)
    await Promise.all(this.#apps.map(app => line(() => this.#host.sleep(app))))
    let before = -1
    for (;;) {
      const now = (await this.#host.sandboxes()).filter(({ State }) => State === 'running').length
      // It stands still for longer than one takes to be made.
      if (now === before) return
      before = now
      await pause(3_000)
    }
  }

  async #rawSandboxes(run: string): Promise<{ id: string; address: string }[]> {
    const holder = (await this.#host.sandboxes())[0]
    if (holder === undefined) throw new Error('the host has no sandboxes')
    const model = await this.#docker.getContainer(holder.Id).inspect()
    const made: { id: string; address: string }[] = []
    for (const _ of this.#apps) {
      const { container, address } = await createLike(this.#docker, run, model, {
        kind: 'bridge',
        name: model.HostConfig.NetworkMode ?? '',
      })
      await container.start()
      made.push({ id: container.id, address: (await address()).host })
    }
    return made
  }

  async #anInstance(): Promise<Docker.ContainerInspectInfo> {
    const [found] = await this.#host.containers()
    if (found === undefined) throw new Error('no app is awake')
    return this.#docker.getContainer(found.Id).inspect()
  }
}
