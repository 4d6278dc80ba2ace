/** How a setting's value is written on the command line; see `setting-values.ts`. */
export type Kind = 'size' | 'time' | 'number' | 'word' | 'ignore' | 'waiting' | 'access'

type Setting = { kind: Kind; accepted: string; what: string }

/** What can be set for an app, by its name in `dormice.json`. The host says whether a value will do. */
export const settings: Readonly<Record<string, Setting>> = {
  memory: { kind: 'size', accepted: '16m to 64g', what: 'the most that it may use' },
  cpu: { kind: 'number', accepted: '0.05 to 64', what: 'cores' },
  pids: { kind: 'number', accepted: '16 to 32768', what: 'processes and threads' },
  disk: { kind: 'size', accepted: '1m and more', what: 'what its snapshots may take' },
  sleepAfter: { kind: 'time', accepted: '1s and more', what: 'idle time until it sleeps' },
  freezeAfter: {
    kind: 'time',
    accepted: '1s and more',
    what: 'idle time until it is frozen, before it sleeps',
  },
  freeze: { kind: 'word', accepted: 'auto, off', what: 'off: it is not frozen' },
  idle: {
    kind: 'word',
    accepted: 'requests, cpu, connections',
    what: 'what keeps it awake: requests alone, or work of its own too',
  },
  wakeTimeout: { kind: 'time', accepted: '1s to 10m', what: 'how long a request waits for it to wake' },
  startTimeout: { kind: 'time', accepted: '1s to 10m', what: 'how long it may take to start' },
  maxWaiting: { kind: 'number', accepted: '1 to 65536', what: 'requests that may wait for it to wake' },
  ignore: {
    kind: 'ignore',
    accepted: '/health,monitors, none, JSON',
    what: 'requests that wake nobody: paths, parts of User-Agents',
  },
  waiting: { kind: 'waiting', accepted: 'on, off, JSON', what: 'page for browsers while it wakes slowly' },
  access: { kind: 'access', accepted: 'JSON', what: 'who may come; `access set` has options for it' },
}

/** The kind of a setting; undefined for one that only a newer host knows. */
export function kindOf(name: string): Kind | undefined {
  return Object.hasOwn(settings, name) ? settings[name]?.kind : undefined
}
