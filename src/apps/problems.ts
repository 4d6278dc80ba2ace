import { Problem } from '../problem.ts'
import { ReleaseFailed } from './release-failed.ts'

/* What callers are told when an app cannot do what was asked. */

export function unknownApp(app: string): Problem {
  return new Problem({ code: 'unknown_app', status: 404, detail: `there is no app ${app.slice(0, 60)}` })
}

export function notReady(): Problem {
  return new Problem({
    code: 'not_ready',
    status: 503,
    detail:
      'the host has just started and still puts right what its last end left, or the container engine does not answer; try again in a moment',
    retryAfter: 5,
  })
}

export function noRelease(app: string): Problem {
  return new Problem({
    code: 'no_release',
    status: 404,
    detail: `${app} has no release yet; deploy one with "dormice deploy"`,
  })
}

export function queueFull(app: string, waiting: number): Problem {
  return new Problem({
    code: 'queue_full',
    status: 503,
    detail: `${waiting} requests are already waiting for ${app} to wake; try again in a moment`,
    retryAfter: 2,
  })
}

/** @param state what it is in */
export function freezeRefused(app: string, state: string): Problem {
  const why = state === 'awake' ? 'requests to it run' : `it is ${state}`
  return new Problem({
    code: 'freeze_refused',
    status: 409,
    detail: `${app} cannot be frozen now: ${why}; accepted is an app that is awake and unused`,
  })
}

export function freezeOff(app: string): Problem {
  return new Problem({
    code: 'freeze_off',
    status: 409,
    detail: `${app} is not to be frozen: its setting "freeze" is "off"; accepted is an app with "auto"`,
  })
}

/** @param timeout ms */
export function wakeTimeout(app: string, timeout: number): Problem {
  return new Problem({
    code: 'wake_timeout',
    status: 504,
    detail: `${app} was not awake within ${timeout / 1000} s; try again in a moment`,
    retryAfter: 5,
  })
}

export function noMemory(): Problem {
  return new Problem({
    code: 'no_memory',
    status: 503,
    detail: 'every awake app is in use and the memory budget is full; try again in a moment',
    retryAfter: 5,
  })
}

export function engineUnavailable(cause: unknown): Problem {
  return new Problem({
    code: 'engine_unavailable',
    status: 503,
    detail: 'the container engine does not answer; try again in a moment',
    retryAfter: 5,
    cause,
  })
}

export function appLost(app: string, cause: unknown): Problem {
  return new Problem({
    code: 'app_lost',
    status: 503,
    detail: `the image of ${app} is neither on the engine nor copied to the data folder; "dormice timeline ${app}" shows what it can go back to`,
    retryAfter: 60,
    cause,
  })
}

export function wakeFailed(app: string, cause: unknown): Problem {
  return new Problem({
    code: 'wake_failed',
    status: 503,
    detail: `${app} could not be started; the host's log says why`,
    retryAfter: 5,
    cause,
  })
}

/** @param wait ms until the app may be tried again */
export function appCrashed(app: string, message: string, log: string, wait: number): Problem {
  return new Problem({
    code: 'app_crashed',
    status: 503,
    detail: `${app} did not start: ${message}`,
    data: { log },
    retryAfter: Math.max(1, Math.ceil(wait / 1000)),
  })
}

export function sleepCancelled(app: string): Problem {
  return new Problem({
    code: 'sleep_cancelled',
    status: 409,
    detail: `a request for ${app} arrived before it was stopped, so it stays awake`,
  })
}

export function releaseNotReady(message: string, log: string, cause: unknown): Problem {
  return new ReleaseFailed({
    code: 'release_not_ready',
    status: 422,
    detail: `the new release did not become ready: ${message}`,
    data: { log },
    cause,
  })
}
