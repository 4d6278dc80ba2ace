import type { Container, ContainerSpec, LogLine } from '../engine/engine.ts'
import type { Launch } from '../store/records.ts'
import type { Context } from './context.ts'
import type { Upstream, WakePart } from './lease.ts'
import { containerName } from './naming.ts'
import { effectiveSettings } from './settings.ts'
import { graceSeconds } from './sleep.ts'

/** Size of an instance's /tmp. */
const tmpBytes = 64 * 1024 * 1024

/** A container that runs and whose port answers, and how long that took since the engine was asked. */
export type Running = { container: string; upstream: Upstream; took: readonly WakePart[] }

/** The container started but the app did not come up: it ended, or its port did not answer in time. */
export class StartFailed extends Error {
  override name = 'StartFailed'
  /** The container, which may hold data: the caller decides what becomes of it. */
  readonly container: string

  constructor(container: string, message: string) {
    super(message)
    this.container = container
  }
}

/**
 * Starts an instance and waits until its port answers. Environment, limits and command come from the store,
 * never from the image.
 *
 * @throws {StartFailed} when the app itself does not come up; other errors are the engine's
 */
export async function wake(context: Context, launch: Launch): Promise<Running> {
  const { took, ...container } = await context.starts(() =>
    context.engine.start(containerSpec(context, launch)),
  )
  context.step('wake.started')
  const running = await awaitReady(context, launch, container)
  return {
    ...running,
    took: [{ name: 'create', ms: took.create }, { name: 'start', ms: took.start }, ...running.took],
  }
}

/**
 * Waits until a started container's port answers; a container that ends while it is waited for ends the wait
 * at once.
 *
 * @throws {StartFailed}
 */
export async function awaitReady(context: Context, launch: Launch, container: Container): Promise<Running> {
  const { startTimeout } = effectiveSettings(context.config, launch.app.settings, launch.release.spec)
  const { port, health } = launch.release.spec
  const began = performance.now()
  const done = new AbortController()
  const died = context.engine.wait(container.id, done.signal)
  died.catch(() => undefined)
  try {
    if (container.address === undefined) {
      const exit = await died
      throw new StartFailed(container.id, describeExit(exit))
    }
    const upstream = { host: container.address, port }
    const timeout = AbortSignal.timeout(startTimeout)
    const up = context.ready(upstream, health, AbortSignal.any([done.signal, timeout])).catch(error => {
      if (!timeout.aborted) throw error
      const what =
        health === undefined
          ? `accepted no connection on port ${port} (it has to listen on 0.0.0.0:$PORT; "port" in dormice.json says another)`
          : `did not answer ${health} on port ${port}`
      throw new StartFailed(container.id, `it ${what} within ${startTimeout / 1000} s`)
    })
    const exit = await Promise.race([up, died])
    if (exit) throw new StartFailed(container.id, describeExit(exit))
    context.step('wake.ready')
    return { container: container.id, upstream, took: [{ name: 'ready', ms: performance.now() - began }] }
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
