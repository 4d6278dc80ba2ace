import { tarOf } from '../test/support/tar.ts'
import type { Answer, FaultyHost } from './faulty-host.ts'
import { type Change, upload } from './ledger.ts'
import type { World } from './world.ts'
import * as model from './world.ts'

/** Something that is asked of a host, and what it makes of the world once it is done. */
export type Operation = {
  /** As it is printed. */
  name: string
  /** The app that it is about. */
  app: string
  /** Asks for it; resolves with the host's answer. */
  ask(host: FaultyHost): Promise<Answer>
  /** The world after it. */
  done(world: World): World
  /**
   * Stable codes of refusals that leave the world as it was: what was asked for is the case already.
   */
  mayRefuse?: readonly string[]
}

const done: Answer = { status: 200, body: '', json: undefined, code: undefined }

/** A request that the app answers once the change is on its disk. */
export function change(app: string, change: Change): Operation {
  return {
    name: `${app}: ${describe(change)}`,
    app,
    ask: host => host.visit(app, { method: 'POST', body: JSON.stringify(change) }),
    done: world => model.withChange(world, app, change),
  }
}

/** A request that reads everything. */
export function read(app: string): Operation {
  return { name: `${app}: read`, app, ask: host => host.visit(app), done: world => world }
}

export function move(app: string, to: 'sleep' | 'wake' | 'restart'): Operation {
  return {
    name: `${app}: ${to}`,
    app,
    ask: host => host.api('POST', `/v1/apps/${app}/${to}`),
    done: world => (to === 'wake' ? world : model.withSaved(world, app)),
  }
}

export function deploy(app: string, version: number, { fresh = false } = {}): Operation {
  return {
    name: `${app}: deploy upload ${version}${fresh ? ', fresh' : ''}`,
    app,
    ask: async host =>
      host.api('POST', `/v1/apps/${app}/releases${fresh ? '?fresh=true' : ''}`, await tarOf(upload(version))),
    done: world => model.withRelease(world, app, version, fresh),
  }
}

export function snapshot(app: string): Operation {
  return {
    name: `${app}: take a snapshot`,
    app,
    ask: host => host.api('POST', `/v1/apps/${app}/snapshots`),
    done: world => model.withSaved(world, app),
  }
}

export function rollback(app: string, to: { snapshot: number } | { release: number }): Operation {
  const [[what, number] = ['', 0]] = Object.entries(to)
  return {
    name: `${app}: roll back to ${what} ${number}`,
    app,
    ask: host => host.api('POST', `/v1/apps/${app}/rollback`, to),
    done: world =>
      'snapshot' in to
        ? model.withSnapshotBack(world, app, to.snapshot)
        : model.withReleaseBack(world, app, to.release),
    mayRefuse: ['already_there'],
  }
}

export function fork(app: string, into: string, number?: number): Operation {
  return {
    name: `${app}: fork ${number === undefined ? 'its present' : `snapshot ${number}`} into ${into}`,
    app,
    ask: host =>
      host.api('POST', `/v1/apps/${app}/fork`, { name: into, ...(number && { snapshot: number }) }),
    // A running app is saved by it.
    done: world => model.withCopy(number ? world : model.withSaved(world, app), app, into, number),
  }
}

/** Exports the app and imports that as another. */
export function copy(app: string, into: string): Operation {
  return {
    name: `${app}: export, and import as ${into}`,
    app,
    async ask(host) {
      const tar = await host.download(`/v1/apps/${app}/export`)
      return host.api('POST', `/v1/apps/${into}/import`, tar)
    },
    done: world => model.withCopy(model.withSaved(world, app), app, into),
  }
}

export function remove(app: string): Operation {
  return {
    name: `${app}: delete`,
    app,
    ask: host => host.api('DELETE', `/v1/apps/${app}`),
    done: world => model.without(world, app),
  }
}

/** Gives the app so little room, 1 MiB, that only its current snapshot is kept if that much was written. */
export function tighten(app: string): Operation {
  return {
    name: `${app}: set its budget as small as may be`,
    app,
    ask: host => host.api('PATCH', `/v1/apps/${app}`, { disk: '1m' }),
    done: world => model.withTightBudget(world, app),
  }
}

/** The host ends in order, which puts every app to sleep. It does not start again. */
export function shutDown(app: string): Operation {
  return {
    name: 'SIGTERM to the host',
    app,
    async ask(host) {
      await host.kill('SIGTERM')
      return done
    },
    done: world => Object.keys(world).reduce(model.withSaved, world),
  }
}

function describe(change: Change): string {
  const { do: what, ...rest } = change
  return `${what} ${Object.values(rest)
    .map(value => (typeof value === 'object' ? JSON.stringify(value) : String(value)))
    .join(' ')}`
}
