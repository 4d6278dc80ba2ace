import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type Docker from 'dockerode'
import type { EngineEvent } from '../engine.ts'
import { bounded } from './client.ts'
import { ownedBy, readLabels } from './labels.ts'

const firstPause = 100
const longestPause = 5_000

/** What the engine's stream has of an event. */
type Told = { Action: string; Actor: { ID: string; Attributes?: Record<string, string> } }

/** What holds a sandbox has ended. */
export type SandboxDied = { kind: 'sandbox-died'; sandbox: string }

/**
 * Deaths of this host's containers and of processes for want of memory, as they happen. The stream reconnects for ever
 * with capped backoff; `connected` says that events may have been missed before it.
 */
export async function* events(
  docker: Docker,
  host: string,
  signal: AbortSignal,
): AsyncGenerator<EngineEvent | SandboxDied> {
  let pause = firstPause
  while (!signal.aborted) {
    try {
      const stream = (await bounded('listen to events', 20_000, () =>
        docker.getEvents({
          filters: { ...ownedBy(host), type: ['container'], event: ['die', 'oom'] },
          abortSignal: signal,
        }),
      )) as Readable
      yield { kind: 'connected' }
      pause = firstPause
      yield* read(stream)
    } catch {
      // What broke the stream does not matter: it is opened again, and `connected` makes the host look anew.
    }
    if (signal.aborted) return
    yield { kind: 'disconnected' }
    await sleep(pause, undefined, { signal }).catch(() => undefined)
    pause = Math.min(pause * 2, longestPause)
  }
}

async function* read(stream: Readable): AsyncGenerator<EngineEvent | SandboxDied> {
  let rest = ''
  stream.setEncoding('utf8')
  for await (const chunk of stream) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line.trim() === '') continue
      const { Action, Actor }: Told = JSON.parse(line)
      // The engine tells a container's labels among its attributes.
      const { role, app } = readLabels(Actor.Attributes)
      if (Action === 'oom') {
        if (role === 'instance') yield { kind: 'out-of-memory', app }
      } else if (role === 'sandbox') yield { kind: 'sandbox-died', sandbox: Actor.ID }
      else yield { kind: 'died', container: Actor.ID, code: Number(Actor.Attributes?.exitCode ?? 0) }
    }
  }
}
