import { type Change, carried, changed, type Disk, uploaded } from './ledger.ts'

/** A point of an app's timeline: its disk, and the release that was current. */
export type Point = Readonly<{ disk: Disk; release: number }>

/** What must be true of one app. */
export type AppModel = Readonly<{
  /** Everything that it acknowledged and that no operation has legitimately dropped. */
  disk: Disk
  /**
   * What it goes on from if its container is removed by hand: as it was when it slept last, or at a snapshot since. More
   * than one where a crash leaves open whether it was put to sleep.
   */
  saved: readonly Disk[]
  release: number
  /** Which upload each release has, by its number. */
  uploads: Readonly<Record<number, number>>
  /** What each snapshot has to hold, by its number. */
  snapshots: Readonly<Record<number, Point>>
  /** Its budget is so small that all snapshots but the current one may be forgotten. */
  tight?: boolean
}>

/** All apps of a host, by name. */
export type World = Readonly<Record<string, AppModel>>

/** @throws when there is no such app */
export function appOf(world: World, name: string): AppModel {
  const app = world[name]
  if (!app) throw new Error(`the model has no app ${name}`)
  return app
}

function update(world: World, name: string, change: (app: AppModel) => Partial<AppModel>): World {
  const app = appOf(world, name)
  return { ...world, [name]: { ...app, ...change(app) } }
}

export function withChange(world: World, name: string, change: Change): World {
  return update(world, name, app => ({ disk: changed(app.disk, change) }))
}

/** The app's disk is in an image now. */
export function withSaved(world: World, name: string): World {
  return update(world, name, ({ disk }) => ({ saved: [disk] }))
}

/** What there may be once its container is gone, with what it held alone. */
export function withoutContainer(world: World, name: string): World[] {
  return appOf(world, name).saved.map(disk => update(world, name, () => ({ disk, saved: [disk] })))
}

/** After a crash it is not known which apps were put to sleep. */
export function withUnknownSaves(before: World, after: World): World {
  return Object.fromEntries(
    Object.entries(after).map(([name, app]) => {
      const was = before[name]
      return [
        name,
        {
          ...app,
          saved: [...new Set([...app.saved, app.disk, ...(was?.saved ?? []), was?.disk ?? app.disk])],
        },
      ]
    }),
  )
}

export function withTightBudget(world: World, name: string): World {
  return update(world, name, () => ({ tight: true }))
}

/** @param fresh without what the app wrote */
export function withRelease(world: World, name: string, version: number, fresh: boolean): World {
  const app = world[name]
  if (!app) {
    const disk = uploaded(version)
    return { ...world, [name]: { disk, saved: [disk], release: 1, uploads: { 1: version }, snapshots: {} } }
  }
  const release = Math.max(...Object.keys(app.uploads).map(Number)) + 1
  const disk = fresh ? uploaded(version) : carried(app.disk, uploadOf(app), version)
  return {
    ...world,
    [name]: { ...app, disk, saved: [disk], release, uploads: { ...app.uploads, [release]: version } },
  }
}

export function withSnapshotBack(world: World, name: string, number: number): World {
  return update(world, name, app => {
    const point = app.snapshots[number]
    if (!point) throw new Error(`the model of ${name} has no snapshot ${number}`)
    return { ...point, saved: [point.disk] }
  })
}

export function withReleaseBack(world: World, name: string, release: number): World {
  return update(world, name, app => {
    const disk = carried(app.disk, uploadOf(app), app.uploads[release] ?? 0)
    return { disk, saved: [disk], release }
  })
}

/** A new app of a point of another; of no given one: of its present. */
export function withCopy(world: World, name: string, into: string, number?: number): World {
  const app = appOf(world, name)
  const point = number === undefined ? app : app.snapshots[number]
  if (!point) throw new Error(`the model of ${name} has no snapshot ${number}`)
  const { disk, release } = point
  const copy = { disk, saved: [disk], release: 1, uploads: { 1: app.uploads[release] ?? 0 }, snapshots: {} }
  return { ...world, [into]: copy }
}

export function without(world: World, name: string): World {
  const { [name]: _, ...rest } = world
  return rest
}

export function uploadOf(app: AppModel): number {
  return app.uploads[app.release] ?? 0
}
