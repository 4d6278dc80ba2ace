import type { Apps } from '../apps/apps.ts'
import type { Context } from '../apps/context.ts'
import type { Instance } from '../apps/instance.ts'
import { unknownApp } from '../apps/problems.ts'
import { effectiveSettings } from '../apps/settings.ts'
import type { App, Overrun, Release, Snapshot } from '../store/records.ts'
import { showAccess } from './access.ts'
import { settingSources } from './setting-sources.ts'
import type { AppShape, OverrunShape, ReleaseShape, SnapshotShape } from './shapes.ts'

const iso = (ms: number) => new Date(ms).toISOString()

export function renderApp(context: Context, app: App, instance: Instance): AppShape {
  const spec = context.store.launch(app.name)?.release.spec
  const { rules, ...settings } = effectiveSettings(context.config, app.settings, spec)
  const { leases, waiting } = instance.load
  const { memory, pending } = instance.resources
  const failure = instance.failure
  const overrun = context.store.overruns.last(app.name)
  return {
    name: app.name,
    url: context.url(app.name),
    state: instance.state,
    runtime: spec?.runtime ?? null,
    release: app.release,
    snapshot: app.snapshot,
    createdAt: iso(app.createdAt),
    lastUsedAt: instance.lastUsed === undefined ? null : iso(instance.lastUsed),
    memory: { now: memory.now ?? null, peak: memory.peak ?? null, suggested: memory.suggested ?? null },
    requests: { running: leases, waiting },
    settings: {
      ...settings,
      freezeAfter: settings.freezeAfter ?? null,
      ignore: rules?.ignore ?? null,
      waiting: rules?.waiting ?? null,
      access: rules?.access ? showAccess(rules.access) : null,
    },
    settingSources: settingSources(app.settings, spec?.settings ?? {}),
    pendingSettings: pending,
    failure: failure
      ? {
          at: iso(failure.at),
          message: failure.message,
          log: failure.lastLines,
          retryAt: iso(failure.retryAt),
        }
      : null,
    overrun: overrun ? renderOverrun(overrun) : null,
  }
}

/** @throws {Problem} 404 `unknown_app` */
export function showApp(context: Context, apps: Apps, name: string): AppShape {
  const instance = apps.get(name)
  const app = context.store.app(name)
  if (!app) throw unknownApp(name)
  return renderApp(context, app, instance)
}

export function renderRelease(release: Release, app: App | undefined): ReleaseShape {
  const { number, createdAt, spec } = release
  return {
    app: release.app,
    number,
    current: app?.release === number,
    runtime: spec.runtime,
    createdAt: iso(createdAt),
    source: spec.source,
  }
}

export function renderOverrun({ kind, limit, at, until, times }: Overrun): OverrunShape {
  return { kind, limit, at: iso(at), until: iso(until), times }
}

export function renderSnapshot(snapshot: Snapshot, app: App): SnapshotShape {
  const { generation: _, ...shown } = snapshot
  return { ...shown, current: app.snapshot === snapshot.number, createdAt: iso(snapshot.createdAt) }
}
