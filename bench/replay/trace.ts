import { Random, Zipf } from './random.ts'

export const hour = 3_600_000

/** An app as it would be measured. */
export type Profile = {
  name: string
  /** Bytes that its processes have after a while. */
  bytes: number
  /** Share of that which is left when it is frozen where there is no swap: what files were read from can be dropped. */
  solid: number
  /** How long its start takes, ms. */
  wakeCost: number
}

/** Requests in the order of their times. */
export type Trace = {
  apps: readonly Profile[]
  /** ms since the trace began, of each request. */
  at: Float64Array
  /** Index of its app. */
  app: Uint16Array
  /** ms that its app works on it, or that a stream is open. */
  takes: Float64Array
}

export type TraceOptions = {
  seed: number
  apps: number
  /** Times of the day, ms since midnight. */
  from: number
  to: number
  /** Requests per second, on average over a day. */
  rate: number
}

const MiB = 1024 ** 2
const exponent = 1.1
/** Requests of one visitor's session, on average, and ms between them. */
const perSession = 6
const thinking = { median: 8_000, spread: 1 }
/** ms of work for a request. */
const work = { median: 20, spread: 1, most: 10_000 }
/** Share of sessions that hold a stream open, and for how long, ms. */
const streaming = { share: 0.02, median: 180_000, spread: 1 }
/** By how much the day's busiest moment is over its mean, and the quietest below. */
const swing = 0.8

/**
 * What visitors do to many apps: sessions, whose apps' popularity follows Zipf's law, more of them by day than by night,
 * which is not at the same time for all apps. The same for the same seed.
 */
export function makeTrace({ seed, apps: count, from, to, rate }: TraceOptions): Trace {
  const random = new Random(seed)
  const apps = Array.from({ length: count }, (_, n) => makeProfile(random, `app-${n}`))
  const peaks = apps.map(() => random.logNormal(14, 0.2) * hour)
  const zipf = new Zipf(count, exponent)
  const requests: { at: number; app: number; takes: number }[] = []
  const sessionsApart = ((perSession / rate) * 1_000) / (1 + swing)
  for (let at = from; at < to; at += sessionsApart * random.exponential()) {
    const app = zipf.draw(random)
    const now = 1 + swing * Math.cos((2 * Math.PI * (at - (peaks[app] ?? 0))) / (24 * hour))
    // As many are left out as its app has fewer at this time than at its busiest.
    if (random.next() * (1 + swing) > now) continue
    for (const request of session(random, at)) if (request.at < to) requests.push({ ...request, app })
  }
  requests.sort((a, b) => a.at - b.at)
  return {
    apps,
    at: Float64Array.from(requests, ({ at }) => at - from),
    app: Uint16Array.from(requests, ({ app }) => app),
    takes: Float64Array.from(requests, ({ takes }) => takes),
  }
}

/** 10 to 120 MB, most of them small; what is larger takes longer to start, though not all to the same degree. */
function makeProfile(random: Random, name: string): Profile {
  const size = clamp(random.logNormal(30, 0.6), 10, 120)
  const typical = 100 * (size / 10) ** 1.05
  return {
    name,
    bytes: Math.round(size * MiB),
    solid: 0.4 + 0.4 * random.next(),
    wakeCost: Math.round(clamp(typical * random.logNormal(1, 0.5), 100, 1_500)),
  }
}

function* session(random: Random, begins: number): Generator<{ at: number; takes: number }> {
  if (random.next() < streaming.share) {
    yield { at: begins, takes: random.logNormal(streaming.median, streaming.spread) }
  }
  let at = begins
  do {
    yield { at, takes: Math.min(random.logNormal(work.median, work.spread), work.most) }
    at += random.logNormal(thinking.median, thinking.spread)
  } while (random.next() > 1 / perSession)
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most)
}
