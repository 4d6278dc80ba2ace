import type { Container, ContainerSpec, LogLine, SetLimits } from '../engine/engine.ts'
import type { Launch } from '../store/records.ts'
import type { Context } from './context.ts'
import type { Upstream, WakePart } from './lease.ts'
import { containerName } from './naming.ts'
import { effectiveSettings } from './settings.ts'
import { graceSeconds } from './sleep.ts'

/** Size of an instance's /tmp. */
const tmpBytes = 64 * 1024 * 1024

/** A container that runs and whose port answers, its limits, and how long its start took. */
export type Running = {
  container: string
  upstream: Upstream
  limits: SetLimits | undefined
  took: readonly WakePart[]
}

/** The container started but the app did not come up: it ended, or its port did not answer in time. */
export class StartFailed extends Error {
  override name = 'StartFailed'
  /** The container, which may hold data: the caller decides what becomes of it. */
  readonly container: string
  /** How long it went on since the engine was asked. */
  readonly took: readonly WakePart[]

  constructor(container: string, message: string, took: readonly WakePart[]) {
    super(message)
    this.container = container
    this.took = took
  }
}

/**
 * Starts an instance and waits until its port answers. Environment, limits and command come from the store,
 * never from the image.
 *
 * @param admitted gets the memory for it, once it is its turn to start: whoever held it for longer would keep it from those
 * who start before
 * @throws {StartFailed} when the app itself does not come up; other errors are the engine's, or of `admitted`
 */
export async function wake(
  context: Context,
  launch: Launch,
  admitted: () => Promise<void> = async () => undefined,
): Promise<Running> {
  context.engine.expect()
  const { took, ...container } = await context.starts(async () => {
    await admitted()
    return context.engine.start(containerSpec(context, launch))
  })
  context.step('wake.started')
  return awaitReady(context, launch, container, [
    { name: 'create', ms: took.create },
    { name: 'start', ms: took.start },
  ])
}

/**
 * Waits until a started container's port answers; a container that ends while it is waited for ends the wait
 * at once.
 *
 * @param before what it took to start it
 * @throws {StartFailed}
 */
export async function awaitReady(
  context: Context,
  launch: Launch,
  container: Container,
  before: readonly WakePart[] = [],
): Promise<Running> {
  const { startTimeout } = effectiveSettings(context.config, launch.app.settings, launch.release.spec)
  const { port, health } = launch.release.spec
  const began = performance.now()
  const took = (): WakePart[] => [...before, { name: 'ready', ms: performance.now() - began }]
  const failed = (why: string) => new StartFailed(container.id, why, took())
  const done = new AbortController()
  const died = context.engine.wait(container.id, done.signal)
  died.catch(() => undefined)
  try {
    if (container.address === undefined) {
      const exit = await died
      throw failed(describeExit(exit))
    }
    const upstream = { host: container.address, port }
    const timeout = AbortSignal.timeout(startTimeout)
    const up = context.ready(upstream, health, AbortSignal.any([done.signal, timeout])).catch(error => {
      if (!timeout.aborted) throw error
      const what =
        health === undefined
          ? `accepted no connection on port ${port} (it has to listen on 0.0.0.0:$PORT; "port" in dormice.json says another)`
          : `did not answer ${health} on port ${port}`
      throw failed(`it ${what} within ${startTimeout / 1000} s`)
    })
    const exit = await Promise.race([up, died])
    if (exit) throw failed(describeExit(exit))
    context.step('wake.ready')
    return { container: container.id, upstream, limits: container.limits, took: took() }
  } finally {
    done.abort()
  }
}

/** How a container ended, for its operator. */
export function describeExit(exit: { code: number; oomKilled: boolean }): string {
  return exit.oomKilled
    ? 'it was killed for using more memory than its limit'
    : `it ended with exit code ${exit.code}`
}

function containerSpec({ config, store, url }: Context, launch: Launch): ContainerSpec {
  const { app, release, image, env } = launch
  const { memory, cpu, pids } = effectiveSettings(config, app.settings, release.spec)
  return {
    name: containerName(store.hostId, app.name),
    image,
    labels: {
      host: store.hostId,
      role: 'instance',
      app: app.name,
      generation: app.generation,
      release: release.number,
    },
    command: release.spec.command,
    env: {
      ...release.spec.env,
      ...env,
      PORT: String(release.spec.port),
      DORMICE_APP: app.name,
      DORMICE_URL: url(app.name),
    },
    secrets: Object.keys(env),
    limits: { memory, cpu, pids, tmp: tmpBytes },
    confinement: release.spec.confinement,
    grace: graceSeconds,
  }
}

/** Log lines as one text, for a report. */
export function joinLines(lines: readonly LogLine[]): string {
  return lines.map(line => line.text).join('\n')
}
