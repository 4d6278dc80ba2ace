import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { pack } from 'tar-stream'
import type { Context } from '../apps/context.ts'
import type { DiffId } from '../engine/engine.ts'
import { type ExportedApp, exportedSettings, layerEntry } from './export-format.ts'
import type { Point } from './fork.ts'
import { copiedLayers } from './images.ts'

/**
 * A point of an app's timeline as one tar; see `export-format.ts`. All of its layers are in the data folder when it
 * resolves, and stay there until the tar has been read or destroyed.
 */
export async function exportApp(context: Context, { app, release, snapshot }: Point): Promise<Readable> {
  const { store, layers, now } = context
  const kept = layers.retain()
  try {
    const code = await copiedLayers(context, app.name, release.image)
    const disk = snapshot && (await copiedLayers(context, app.name, snapshot.image))
    const description: ExportedApp = {
      format: 1,
      name: app.name,
      exportedAt: new Date(now()).toISOString(),
      settings: exportedSettings(app.settings),
      env: store.envKeys(app.name).map(({ key }) => key),
      release: {
        createdAt: release.createdAt,
        spec: { ...release.spec, command: [...release.spec.command] },
        files: [...store.releaseFiles(app.name, release.number)],
        image: { config: code.config, layers: [...code.layers] },
      },
      state:
        snapshot && disk
          ? { createdAt: snapshot.createdAt, image: { config: disk.config, layers: [...disk.layers] } }
          : null,
    }
    const tar = Readable.from(
      packed(context, description, new Set([...code.layers, ...(disk?.layers ?? [])])),
      { objectMode: false },
    )
    tar.once('close', () => kept[Symbol.dispose]())
    return tar
  } catch (error) {
    kept[Symbol.dispose]()
    throw error
  }
}

async function* packed(
  { layers }: Context,
  description: ExportedApp,
  all: ReadonlySet<DiffId>,
): AsyncGenerator<Buffer> {
  const tar = pack()
  const writing = (async () => {
    tar.entry({ name: 'app.json', mode: 0o600 }, JSON.stringify(description))
    for (const layer of all) {
      const entry = tar.entry({ name: layerEntry(layer), size: layers.size(layer), mode: 0o600 })
      await pipeline(layers.open(layer), entry)
    }
    tar.finalize()
  })().catch(error => tar.destroy(error))
  try {
    for await (const chunk of tar) yield chunk as Buffer
  } finally {
    tar.destroy()
    await writing
  }
}
