import type { Seen } from './inspection.ts'
import { differences } from './ledger.ts'
import type { AppModel, Point, World } from './world.ts'

/** Snapshots that retention never takes; see `src/snapshots/retention.ts`. */
const kept = 10

/** Apps as they were seen; undefined: there is none of that name. */
export type View = Readonly<Record<string, Seen | undefined>>

/**
 * Which of the worlds it is that was seen; the complaints are about the one that fits best.
 *
 * @param candidates at least one
 */
export function recognise(view: View, candidates: readonly World[]): { world: World; complaints: string[] } {
  const judged = candidates.map(world => ({ world, complaints: complaintsAbout(view, world) }))
  const [best, ...others] = judged
  if (!best) throw new Error('there is no candidate')
  return others.reduce((a, b) => (b.complaints.length < a.complaints.length ? b : a), best)
}

/** What of a world is not as it was seen, one line each. */
export function complaintsAbout(view: View, world: World): string[] {
  return Object.entries(view).flatMap(([name, seen]) => {
    const app = world[name]
    if (!app || !seen) {
      if (seen) return [`${name} should not exist`]
      return app ? [`${name} is gone`] : []
    }
    return [
      ...releaseComplaints(seen, app),
      ...differences(app.disk, seen.disk),
      ...snapshotComplaints(seen, app),
    ].map(text => `${name}: ${text}`)
  })
}

function releaseComplaints(seen: Seen, app: AppModel): string[] {
  const complaints =
    seen.release === app.release ? [] : [`its release is ${seen.release}, not ${app.release}`]
  const unknown = seen.releases.filter(number => !(number in app.uploads))
  if (unknown.length > 0) complaints.push(`it has a release ${unknown} that it should not have`)
  if (!seen.releases.includes(app.release)) complaints.push(`it lists no release ${app.release}`)
  return complaints
}

function snapshotComplaints(seen: Seen, { snapshots, tight }: AppModel): string[] {
  const there = new Set(seen.snapshots.map(one => one.number))
  const newest = [...new Set([...there, ...Object.keys(snapshots).map(Number)])].sort((a, b) => b - a)
  const must = tight ? [] : newest.slice(0, kept)
  const gone = must.filter(number => !there.has(number)).map(number => `snapshot ${number} is gone`)
  const currents = seen.snapshots.filter(one => one.current).length
  return currents > 1 ? [...gone, 'it has two current snapshots'] : gone
}

/**
 * The world with the snapshots that were seen: one that is new holds what the app had before the operation, or what
 * the operation made of it.
 */
export function withSeenSnapshots(view: View, before: World, after: World): World {
  return Object.fromEntries(
    Object.entries(after).map(([name, app]) => {
      const seen = view[name]
      if (!seen) return [name, app]
      const was = before[name]
      const known = was?.snapshots ?? {}
      const snapshots = seen.snapshots.map(one => {
        const made = !was || one.source !== null || one.release !== was.release || one.reason === 'carried'
        const point: Point = made ? app : was
        return [one.number, known[one.number] ?? { disk: point.disk, release: one.release }]
      })
      return [name, { ...app, snapshots: Object.fromEntries(snapshots) }]
    }),
  )
}
