import type { LayersUnreadable } from '../engine/engine.ts'
import { Problem } from '../problem.ts'

/* What callers are told when the timeline cannot do what was asked. */

export function unknownSnapshot(app: string, number: number): Problem {
  return new Problem({
    code: 'unknown_snapshot',
    status: 404,
    detail: `${app} has no snapshot s${number}; "dormice timeline ${app}" lists what there is`,
  })
}

export function unknownRelease(app: string, number: number): Problem {
  return new Problem({
    code: 'unknown_release',
    status: 404,
    detail: `${app} has no release r${number}; "dormice timeline ${app}" lists what there is`,
  })
}

export function alreadyThere(app: string, where: string): Problem {
  return new Problem({
    code: 'already_there',
    status: 409,
    detail: `${app} is at ${where} already`,
  })
}

export function snapshotInUse(app: string, number: number, why: 'current' | 'pinned'): Problem {
  const how = why === 'current' ? 'it is what the app goes on from' : 'it is pinned'
  return new Problem({
    code: 'snapshot_in_use',
    status: 409,
    detail: `snapshot ${number} of ${app} is not deleted: ${how}`,
  })
}

export function appExists(app: string): Problem {
  return new Problem({
    code: 'app_exists',
    status: 409,
    detail: `there is an app ${app} already; choose another name`,
  })
}

export function imageGone(app: string, image: string, cause: unknown): Problem {
  return new Problem({
    code: 'image_gone',
    status: 409,
    detail: `the image ${image} of ${app} is neither on the engine nor copied to the data folder`,
    cause,
  })
}

/** Characters of a path that are told. */
const pathShown = 200

/** @param what cannot be read, as a user calls it */
export function layersUnreadable(app: string, what: string, cause: LayersUnreadable): Problem {
  const { path } = cause
  const shown = path.length > pathShown ? `${path.slice(0, pathShown)}…` : path
  const why = /(^|\/)\.wh\./.test(path)
    ? 'names that begin with .wh. cannot be kept in an image'
    : 'the engine has lost it'
  return new Problem({
    code: 'layers_unreadable',
    status: 409,
    detail: `${what} cannot be read back because of ${shown}: ${why}; go back to a snapshot from before it was written ("dormice timeline ${app}" lists them), or deploy with --fresh, which starts without what the app wrote`,
    cause,
  })
}

/** Undefined where layers cannot be read, for what can do without. */
export async function unlessUnreadable<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof Problem && error.code === 'layers_unreadable') return undefined
    throw error
  }
}

export function appBusy(app: string): Problem {
  return new Problem({
    code: 'app_busy',
    status: 409,
    detail: `${app} is being deployed, rolled back, forked, exported or made; wait for that to end`,
    retryAfter: 5,
  })
}
