import type { Command } from 'commander'

/** One command: what the overview says, and where its code is, loaded only when it is the one chosen. */
export type Entry = { name: string; group: string; summary: string; load: () => Promise<() => Command> }

const host = 'The host:'
const apps = 'Apps:'
const look = 'Look closer:'
const past = 'What an app wrote:'

/** Every command, in the order of the overview. */
export const catalogue: readonly Entry[] = [
  {
    name: 'up',
    group: host,
    summary: 'prepare this machine and start the host',
    load: async () => (await import('./commands/up.ts')).upCommand,
  },
  {
    name: 'serve',
    group: host,
    summary: 'start the host only, on a machine that is prepared',
    load: async () => (await import('./commands/serve.ts')).serveCommand,
  },
  {
    name: 'doctor',
    group: host,
    summary: 'check what Dormice needs, and say what to do',
    load: async () => (await import('./commands/doctor.ts')).doctorCommand,
  },
  {
    name: 'deploy',
    group: apps,
    summary: 'put a folder, a file or an image online',
    load: async () => (await import('./commands/deploy.ts')).deployCommand,
  },
  {
    name: 'ls',
    group: apps,
    summary: 'list the apps and what they are doing',
    load: async () => (await import('./commands/ls.ts')).lsCommand,
  },
  {
    name: 'open',
    group: apps,
    summary: 'print an app’s address and open it in the browser',
    load: async () => (await import('./commands/open.ts')).openCommand,
  },
  {
    name: 'rm',
    group: apps,
    summary: 'delete an app with everything it wrote',
    load: async () => (await import('./commands/rm.ts')).rmCommand,
  },
  {
    name: 'show',
    group: look,
    summary: 'show an app and its settings, and where each comes from',
    load: async () => (await import('./commands/show.ts')).showCommand,
  },
  {
    name: 'set',
    group: look,
    summary: 'change an app’s settings: memory, idle times and the like',
    load: async () => (await import('./commands/set.ts')).setCommand,
  },
  {
    name: 'logs',
    group: look,
    summary: 'show what an app printed, across its sleeps',
    load: async () => (await import('./commands/logs.ts')).logsCommand,
  },
  {
    name: 'traffic',
    group: look,
    summary: 'show what the apps were asked, and how long it took',
    load: async () => (await import('./commands/traffic.ts')).trafficCommand,
  },
  {
    name: 'wakes',
    group: look,
    summary: 'show how an app’s last wakes went, and what took how long',
    load: async () => (await import('./commands/wakes.ts')).wakesCommand,
  },
  {
    name: 'env',
    group: look,
    summary: 'set, unset and list an app’s environment variables',
    load: async () => (await import('./commands/env.ts')).envCommand,
  },
  {
    name: 'access',
    group: look,
    summary: 'say who may come to an app, and how much of it they get',
    load: async () => (await import('./commands/access.ts')).accessCommand,
  },
  {
    name: 'domains',
    group: look,
    summary: 'give an app names of your own, such as shop.example.com',
    load: async () => (await import('./commands/domains.ts')).domainsCommand,
  },
  {
    name: 'wake',
    group: look,
    summary: 'start an app now, before the first request',
    load: async () => (await import('./commands/wake.ts')).wakeCommand,
  },
  {
    name: 'sleep',
    group: look,
    summary: 'put an app to sleep now',
    load: async () => (await import('./commands/sleep.ts')).sleepCommand,
  },
  {
    name: 'freeze',
    group: look,
    summary: 'stop an app where it is, to go on in milliseconds',
    load: async () => (await import('./commands/freeze.ts')).freezeCommand,
  },
  {
    name: 'restart',
    group: look,
    summary: 'put an app to sleep and wake it again',
    load: async () => (await import('./commands/restart.ts')).restartCommand,
  },
  {
    name: 'timeline',
    group: past,
    summary: 'show an app’s releases and snapshots',
    load: async () => (await import('./commands/timeline.ts')).timelineCommand,
  },
  {
    name: 'diff',
    group: past,
    summary: 'show which files a snapshot changed',
    load: async () => (await import('./commands/diff.ts')).diffCommand,
  },
  {
    name: 'snapshot',
    group: past,
    summary: 'take a snapshot of what an app wrote, now',
    load: async () => (await import('./commands/snapshot.ts')).snapshotCommand,
  },
  {
    name: 'rollback',
    group: past,
    summary: 'go back to a snapshot or a release; can be undone',
    load: async () => (await import('./commands/rollback.ts')).rollbackCommand,
  },
  {
    name: 'fork',
    group: past,
    summary: 'make a new app of a point of another’s history',
    load: async () => (await import('./commands/fork.ts')).forkCommand,
  },
  {
    name: 'pin',
    group: past,
    summary: 'keep a snapshot for good',
    load: async () => (await import('./commands/pin.ts')).pinCommand,
  },
  {
    name: 'forget',
    group: past,
    summary: 'delete a snapshot',
    load: async () => (await import('./commands/forget.ts')).forgetCommand,
  },
  {
    name: 'export',
    group: past,
    summary: 'write an app as one tar',
    load: async () => (await import('./commands/export.ts')).exportCommand,
  },
  {
    name: 'import',
    group: past,
    summary: 'make an app of what export wrote',
    load: async () => (await import('./commands/import.ts')).importCommand,
  },
  {
    name: 'restore',
    group: past,
    summary: 'bring back images that the engine lost',
    load: async () => (await import('./commands/restore.ts')).restoreCommand,
  },
]
