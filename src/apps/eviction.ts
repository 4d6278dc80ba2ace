import { memory } from './visits.ts'

/** An idle instance that could yield its memory. */
export type Candidate = {
  /** Bytes that it is charged. */
  readonly bytes: number
  /** How long its next start is expected to take, ms; undefined: none was measured. */
  readonly wakeCost: number | undefined
  /** ms since it was used. */
  readonly idleFor: number
  /** How often it was visited of late; see `Visits`. */
  readonly visits: number
  readonly frozen: boolean
  /** Whether it may be frozen, if it is not. */
  readonly freezable: boolean
}

/** Who yields, and how. */
export type Yielding<T> = { who: T; move: 'freeze' | 'sleep' }

/** Decides which of some idle instances yields, and how. They come least recently used first; undefined for none. */
export type Policy = <T extends Candidate>(idle: readonly T[]) => Yielding<T> | undefined

/** What putting one to sleep costs the engine, while others wait for it, ms. */
const stopping = 250
/** What it costs to freeze one and have it go on for a visitor, ms, and what share of its memory it gives back, about. */
const thawing = 120
const givenBack = 0.5
/** What a start is taken to cost that nobody has measured, ms. */
const unmeasured = 500
/** Added to idle times, ms: so soon after a visit it says nothing yet how long ago that was. */
const grain = 3_000

/** What one counts for that nobody has visited since the host began. */
const unvisited = 0.01

/**
 * How it is decided who yields; `npm run bench -- eviction` compares them.
 *
 * `lru`: the least recently used that can be frozen is frozen; where there is none, the least recently used sleeps.
 *
 * `weighed`: what frees the most bytes for the least cost that is to be expected: what the move costs and how long the
 * next visitor waits for what it undoes, times how soon that one comes, which is the later the longer it was idle. So
 * most are frozen before they sleep, but one that is used every few seconds is not frozen again and again while others
 * have lain frozen for minutes. Bytes and cost are weighed as in GreedyDual-Size (Cao, Irani, "Cost-Aware WWW Proxy
 * Caching Algorithms", USITS 1997; for what is kept warm: Fuerst, Sharma, "FaasCache", ASPLOS 2021), with the time since
 * use in the place of its clock, as in hyperbolic caching (Blankstein, Sen, Freedman, USENIX ATC 2017).
 */
export const policies = {
  lru: idle => {
    const toFreeze = idle.find(isFreezable)
    const who = toFreeze ?? idle[0]
    return who && { who, move: toFreeze ? 'freeze' : 'sleep' }
  },
  weighed: idle => {
    let best: Yielding<(typeof idle)[number]> | undefined
    let most = 0
    for (const who of idle) {
      const worth = worthOf(who)
      for (const move of ['freeze', 'sleep'] as const) {
        if (worth[move] <= most) continue
        most = worth[move]
        best = { who, move }
      }
    }
    return best
  },
} satisfies Record<string, Policy>

export type Eviction = keyof typeof policies

/** Bytes times ms that it was idle, per ms of cost. */
function worthOf(candidate: Candidate): Record<Yielding<unknown>['move'], number> {
  const { bytes, wakeCost = unmeasured } = candidate
  const weight = Math.max(bytes, 1) * nextIn(candidate)
  return {
    freeze: isFreezable(candidate) ? (givenBack * weight) / thawing : 0,
    sleep: weight / (stopping + wakeCost),
  }
}

/**
 * When its next visitor is to be expected, ms: between how long it was idle, as with visitors who are gone once they stop
 * coming, which counts twice, and the time between its visits of late, as with visitors who come by chance.
 */
function nextIn({ idleFor, visits }: Candidate): number {
  return Math.cbrt((idleFor + grain) ** 2 * (memory / Math.max(visits, unvisited)))
}

function isFreezable({ frozen, freezable }: Candidate): boolean {
  return freezable && !frozen
}
