import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as immediate } from 'node:timers/promises'
import type { EngineEvent } from '../engine/engine.ts'
import { silent } from '../log.ts'
import { type Watch, watch } from './watch.ts'

/** An engine that tells what it is told to, and apps that write down what they hear. */
class Scene implements Watch {
  readonly log = { ...silent, warn: (event: string) => void this.warned.push(event) }
  readonly warned: string[] = []
  readonly heard: string[] = []
  readonly reconciled = Promise.withResolvers<void>()
  readonly probed = Promise.withResolvers<{ leavesOut: boolean; pushes: boolean }>()
  #waiting = Promise.withResolvers<void>()
  readonly #events: EngineEvent[] = []
  readonly engine = {
    prepare: async () => {},
    probe: () => this.probed.promise,
    events: (signal: AbortSignal) => this.#tell(signal),
  }
  readonly apps = {
    settled: this.reconciled.promise,
    reconcile: () => this.reconciled.promise,
    look: async () => void this.heard.push('look'),
    hears: (hearing: boolean) => void this.heard.push(hearing ? 'connected' : 'lost'),
    died: (container: string, code: number) => void this.heard.push(`${container} died with ${code}`),
    ranOut: (app: string) => void this.heard.push(`${app} ran out of memory`),
    cutOff: (container: string) => void this.heard.push(`${container} cut off`),
  }

  async happens(...events: EngineEvent[]): Promise<void> {
    this.#events.push(...events)
    this.#waiting.resolve()
    await immediate()
  }

  async *#tell(signal: AbortSignal): AsyncGenerator<EngineEvent> {
    signal.addEventListener('abort', () => this.#waiting.resolve())
    while (!signal.aborted) {
      const event = this.#events.shift()
      if (event) yield event
      else await this.#waiting.promise
      if (this.#events.length === 0 && !signal.aborted) this.#waiting = Promise.withResolvers()
    }
  }
}

const died: EngineEvent = { kind: 'died', container: 'c1', code: 4 }

test('a death is heard while the host still reconciles, and while it tries the engine out', async () => {
  const scene = new Scene()
  const stopping = new AbortController()
  const watching = watch(scene, stopping.signal)
  await scene.happens({ kind: 'connected' }, died)
  assert.deepEqual(scene.heard, ['connected', 'c1 died with 4'])
  scene.reconciled.resolve()
  await immediate()
  assert.deepEqual(scene.heard, ['connected', 'c1 died with 4', 'look'])
  await scene.happens({ ...died, container: 'c2' })
  assert.deepEqual(scene.heard.at(-1), 'c2 died with 4')
  assert.deepEqual(scene.warned, [])
  scene.probed.resolve({ leavesOut: true, pushes: true })
  stopping.abort()
  await watching
})

test('what runs is looked at anew whenever the engine is connected again', async () => {
  const scene = new Scene()
  scene.reconciled.resolve()
  scene.probed.reject(new Error('it cannot be tried out'))
  const stopping = new AbortController()
  const watching = watch(scene, stopping.signal)
  await scene.happens({ kind: 'connected' }, { kind: 'disconnected' }, { kind: 'connected' })
  assert.deepEqual(scene.heard, ['connected', 'look', 'lost', 'connected', 'look'])
  assert.deepEqual(
    scene.warned.filter(event => event === 'engine_lost'),
    ['engine_lost'],
  )
  stopping.abort()
  await watching
})
