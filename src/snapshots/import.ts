import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { extract } from 'tar-stream'
import type { Apps } from '../apps/apps.ts'
import type { Context } from '../apps/context.ts'
import { releaseTag } from '../apps/naming.ts'
import { unknownApp } from '../apps/problems.ts'
import { toSnapshot } from '../apps/sleep.ts'
import type { DiffId, ImageManifest, Labels } from '../engine/engine.ts'
import { LayerInvalid } from '../layers/listing.ts'
import { messageOf, Problem } from '../problem.ts'
import type { Release, ReleaseSpec } from '../store/records.ts'
import { refuseUnlessRoom } from './disk.ts'
import { ExportedApp, layerOf } from './export-format.ts'
import { nextSnapshotImage } from './images.ts'
import { unmake } from './unmake.ts'

/** Bytes of `app.json`. */
const maxDescription = 32 * 1024 * 1024

/**
 * Makes a new app of an export. Until its last step there is no such app, and a crash leaves nothing that the next
 * start does not remove.
 *
 * @param into a name that is free and claimed
 * @throws {Problem} 422 `bad_export`; 413 `export_too_large`
 */
export async function importApp(
  context: Context,
  apps: Apps,
  into: string,
  tar: Readable,
  signal: AbortSignal,
): Promise<void> {
  const { store, engine, layers, now, step } = context
  using _kept = layers.retain()
  const app = await receive(context, tar, signal)
  step('import.received')
  const made = store.createApp(into, now())
  const instance = apps.instance(into)
  step('import.begun')
  try {
    const tag = releaseTag(store.hostId, into, 1)
    const labels: Labels = { host: store.hostId, role: 'release', app: into, generation: 0, release: 1 }
    const image = await engine.assemble(app.release.image, { tag, labels }, layers)
    await image.flushed
    const release: Release = {
      app: into,
      number: 1,
      createdAt: app.release.createdAt,
      image: tag,
      spec: app.release.spec as ReleaseSpec,
      size: image.size,
      layers: image.layers.length,
    }
    const snapshot = app.state && (await importState(app.state.image, release))
    step('import.assembled')
    signal.throwIfAborted()
    const from = {
      settings: app.settings,
      env: {},
      release,
      files: new Map(app.release.files),
      snapshot: snapshot ?? undefined,
    }
    // It may have been deleted while it was made.
    if (store.app(into)?.deletedAt !== null) throw unknownApp(into)
    store.fill(into, from, now())
    step('import.recorded')
    // All of their layers came with it: copied they are already.
    store.addCopy(tag, { manifest: app.release.image, labels })
    if (app.state && snapshot) {
      const { generation } = made
      const ofState: Labels = { ...labels, role: 'snapshot', generation }
      store.addCopy(snapshot.image, { manifest: app.state.image, labels: ofState })
    }
    instance.filled()
    context.changes.emit('change', into)
  } catch (error) {
    await unmake(context, apps, into)
    throw error
  }

  async function importState(manifest: ImageManifest, release: Release) {
    const { number, tag, labels } = nextSnapshotImage(context, made, release.number)
    const image = await engine.assemble(manifest, { tag, labels }, layers)
    await image.flushed
    const as = { number, generation: made.generation + 1, reason: 'import', tag, at: now() } as const
    return toSnapshot({ app: made, release, size: release.size }, image, as)
  }
}

/** Reads an export into the data folder's layers, and checks that it is whole. */
async function receive(context: Context, tar: Readable, signal: AbortSignal): Promise<ExportedApp> {
  const { layers, config } = context
  let app: ExportedApp | undefined
  let expected = new Set<DiffId>()
  const received = new Set<DiffId>()
  const entries = extract()
  const source = Readable.from(bounded(tar, config.importMax, signal))
  const feeding = pipeline(source, entries)
  feeding.catch(() => undefined)
  try {
    for await (const entry of entries) {
      signal.throwIfAborted()
      const { name, size = 0 } = entry.header
      if (!app) {
        if (name !== 'app.json') throw bad(`its first entry is "${name.slice(0, 100)}", not "app.json"`)
        if (size > maxDescription) throw bad('its app.json is too long')
        app = parse(await textOf(entry as unknown as AsyncIterable<Buffer>))
        expected = new Set([...app.release.image.layers, ...(app.state?.image.layers ?? [])])
        continue
      }
      const layer = layerOf(name)
      if (layer === undefined || !expected.has(layer)) {
        throw bad(`it has an entry "${name.slice(0, 100)}" that no image in its app.json names`)
      }
      if ((await layers.add(entry as unknown as Readable)) !== layer) {
        throw bad(`the contents of its entry "${name}" are not what the name says`)
      }
      received.add(layer)
    }
    await feeding
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof LayerInvalid) throw bad(error.message)
    if (error instanceof Problem || isOwn(error)) throw error
    throw bad(messageOf(error))
  } finally {
    entries.destroy()
    source.destroy()
    await feeding.catch(() => undefined)
  }
  if (!app) throw bad('it is empty')
  // Not even a layer that is here already may be left out: who knows its name need not be who may read it.
  const missing = [...expected].find(layer => !received.has(layer))
  if (missing) throw bad(`its layer ${missing} is missing`)
  let unpacked = 0
  for (const layer of expected) for (const { size } of await layers.listing(layer)) unpacked += size
  await refuseUnlessRoom(context, unpacked)
  return app
}

async function* bounded(tar: Readable, max: number, signal: AbortSignal): AsyncGenerator<Buffer> {
  let bytes = 0
  // A request that is destroyed takes its connection with it, and the client never reads why it was refused.
  for await (const chunk of tar.iterator({ destroyOnReturn: false })) {
    signal.throwIfAborted()
    bytes += chunk.length
    if (bytes > max) {
      throw new Problem({
        code: 'export_too_large',
        status: 413,
        detail: `the export has more than the ${max} bytes that are accepted (DORMICE_IMPORT_MAX)`,
      })
    }
    yield chunk
  }
}

async function textOf(entry: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of entry) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

function parse(text: string): ExportedApp {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw bad('its app.json is no JSON')
  }
  const parsed = ExportedApp.safeParse(json)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw bad(`its app.json is not what "dormice export" writes: ${issue?.path.join('.')}: ${issue?.message}`)
}

/** An error of this machine (a full disk), not of the export. */
function isOwn(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' && /^E[A-Z]+$/.test(code)
}

function bad(why: string): Problem {
  return new Problem({
    code: 'bad_export',
    status: 422,
    detail: `this is no export of an app: ${why}; accepted is what "dormice export" wrote`,
  })
}
