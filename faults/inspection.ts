import { setTimeout as sleep } from 'node:timers/promises'
import type { FaultyHost } from './faulty-host.ts'
import type { Disk } from './ledger.ts'

/** States in which an app stays. */
const ends = new Set(['asleep', 'awake', 'frozen', 'crashed', 'lost'])
/** How long anything may take to reach its end, ms; more is stuck. */
const patience = 60_000
const pause = 25

export type SeenSnapshot = {
  number: number
  release: number
  reason: string
  source: number | null
  current: boolean
}

/** An app as the outside sees it. */
export type Seen = {
  /** The state that it came to rest in, before it was looked into. */
  state: string
  release: number | null
  disk: Disk
  /** Numbers. */
  releases: number[]
  snapshots: SeenSnapshot[]
}

/** Something did not come to its end. */
export class Stuck extends Error {
  override name = 'Stuck'
}

/** The app answered other than it has to. */
export class Refused extends Error {
  override name = 'Refused'
}

/** Calls until the result is one that is wanted. @throws {Stuck} */
export async function until<T>(
  what: string,
  look: () => Promise<T>,
  wanted: (value: T) => boolean,
  ms = patience,
): Promise<T> {
  const deadline = performance.now() + ms
  for (;;) {
    const value = await look()
    if (wanted(value)) return value
    if (performance.now() > deadline)
      throw new Stuck(`${what}: still ${JSON.stringify(value)} after ${ms / 1000} s`)
    await sleep(pause)
  }
}

/** The app's state once it rests; undefined when there is no such app, or nothing of it but its name. @throws {Stuck} */
export async function restingState(host: FaultyHost, app: string): Promise<string | undefined> {
  const { status, json } = await until(
    `the state of ${app}`,
    () => host.api('GET', `/v1/apps/${app}`),
    answer => answer.status === 404 || (ends.has(answer.json.state) && answer.json.requests.waiting === 0),
  )
  return status === 404 || json.release === null ? undefined : json.state
}

/**
 * Everything that the app has on its disk, by a visitor's request.
 *
 * @param held how many ms an answer 503 with Retry-After is tried again; 0: the very first request has to succeed
 * @throws {Refused}
 */
export async function readDisk(host: FaultyHost, app: string, held = 0): Promise<Disk> {
  const deadline = performance.now() + held
  for (;;) {
    const { status, json, body } = await host.visit(app)
    if (status === 200) return json
    if (status !== 503 || performance.now() >= deadline)
      throw new Refused(`a request to ${app} was answered ${status} ${body.slice(0, 300)}`)
    await sleep(200)
  }
}

/** Looks at an app and into it; undefined when there is no such app. @throws {Stuck} @throws {Refused} */
export async function inspect(host: FaultyHost, app: string, held = 0): Promise<Seen | undefined> {
  const state = await restingState(host, app)
  if (state === undefined) return undefined
  const disk = await readDisk(host, app, held).catch(async error => {
    // It was being deleted just then.
    if ((await restingState(host, app)) === undefined) return undefined
    throw error
  })
  if (!disk) return undefined
  const [{ json: shown }, { json: code }, { json: data }] = await Promise.all(
    ['', '/releases', '/snapshots'].map(what => host.api('GET', `/v1/apps/${app}${what}`)) as [
      ReturnType<FaultyHost['api']>,
      ReturnType<FaultyHost['api']>,
      ReturnType<FaultyHost['api']>,
    ],
  )
  return {
    state,
    disk,
    release: shown.release,
    releases: code.releases.map((one: { number: number }) => one.number),
    snapshots: data.snapshots,
  }
}
