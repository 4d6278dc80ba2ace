import { basename } from 'node:path/posix'
import type { DiffId } from '../engine/engine.ts'
import type { LayerStore } from '../layers/layer-store.ts'
import type { ReleaseFiles, ReleaseSpec } from '../store/records.ts'

type Side = { files: ReleaseFiles; layers: readonly DiffId[] }

/** Where our runtimes put an upload's files. */
const folder = 'app'

/**
 * Paths in the image (no slash in front) at which the later upload has something else than the earlier one had. A
 * file that the upload does not have any more is none of them: what the app made of it stays.
 */
export async function changedByUpload(
  layers: LayerStore,
  { before, after, runtime }: { before: Side; after: Side; runtime: ReleaseSpec['runtime'] },
): Promise<Set<string>> {
  if (runtime !== 'dockerfile') {
    const uploaded = before.files.size > 0 ? before.files : await inFolder(layers, before.layers)
    const changed = [...after.files].filter(([path, sha256]) => uploaded.get(path) !== sha256)
    return new Set(changed.map(([path]) => `${folder}/${path}`))
  }
  // Where a Dockerfile puts the upload's files only it knows: they are found by name and contents.
  const uploaded = new Set([...after.files].map(([path, sha256]) => `${basename(path)} ${sha256}`))
  const then = await filesOf(layers, before.layers)
  const now = await filesOf(layers, after.layers)
  const changed = [...now].filter(
    ([path, sha256]) => uploaded.has(`${basename(path)} ${sha256}`) && then.get(path) !== sha256,
  )
  return new Set(changed.map(([path]) => path))
}

/**
 * What an upload held whose list of files is not known, as of an earlier version: without it, everything would count
 * as changed, and what the app had made of its own files would go. What its build made besides does no harm.
 */
async function inFolder(layers: LayerStore, stack: readonly DiffId[]): Promise<ReleaseFiles> {
  const under = `${folder}/`
  const files = [...(await filesOf(layers, stack))].filter(([path]) => path.startsWith(under))
  return new Map(files.map(([path, sha256]) => [path.slice(under.length), sha256]))
}

/** The files of a stack of layers with their SHA-256, whether or not a later layer deletes them. */
async function filesOf(layers: LayerStore, stack: readonly DiffId[]): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  for (const layer of stack) {
    for (const entry of await layers.listing(layer)) {
      if (entry.sha256 !== undefined) files.set(entry.path, entry.sha256)
    }
  }
  return files
}
