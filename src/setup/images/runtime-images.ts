import type Docker from 'dockerode'
import { runtimeFolder } from '../../paths.ts'
import { baseImage, ensureBase } from './base.ts'
import { buildImage, tagLatest } from './build-image.ts'
import { type ContextEntry, contextTar, folderEntries } from './context.ts'
import { NPM_VERSION, nodeEntries, nodeVersion } from './node-files.ts'
import { isPartOfImage, type RuntimeImage, recipeHash } from './recipe.ts'

/** References of the images that runtimes run on, `dormice/runtime-<name>:<hash>`. */
export type RuntimeImages = Readonly<Record<RuntimeImage, string>>

const ON_BASE = ['node', 'python', 'static'] as const

/** The references that this version of Dormice uses, whether the engine has them or not. */
export function runtimeImages(): RuntimeImages {
  const { hash, reference } = baseImage()
  const named = (name: RuntimeImage, ingredients: readonly string[]) =>
    `dormice/runtime-${name}:${recipeHash(name, ingredients)}`
  return {
    base: reference,
    node: named('node', [hash, nodeVersion(), NPM_VERSION]),
    python: named('python', [hash]),
    static: named('static', [hash]),
  }
}

/**
 * Makes sure that all runtime images are on the engine, each also under its floating name
 * `dormice/runtime-<name>:latest` (what users write in `FROM`), and builds what is missing. One question to the
 * engine when nothing is.
 * Throws `Problem` 503 `base_unavailable`, `node_unavailable` or `runtime_build_failed`; what was complete stays.
 */
export async function ensureRuntimeImages(
  docker: Docker,
  { log }: { log: (line: string) => void },
): Promise<RuntimeImages> {
  const wanted = runtimeImages()
  const listed = await docker.listImages({ filters: { reference: ['dormice/runtime-*'] } })
  const idOf = new Map(listed.flatMap(image => (image.RepoTags ?? []).map(tag => [tag, image.Id] as const)))

  if (!idOf.has(wanted.base)) await ensureBase(docker, log)
  // Side by side: they wait for the network more than for a core.
  const built = await Promise.allSettled(
    ON_BASE.filter(name => !idOf.has(wanted[name])).map(name => build(docker, name, wanted, log)),
  )
  for (const outcome of built) if (outcome.status === 'rejected') throw outcome.reason

  // An older recipe that is wanted again (another checkout, a downgrade) takes its floating name back.
  for (const reference of Object.values(wanted)) {
    const latest = idOf.get(`${reference.split(':')[0]}:latest`)
    if (latest === undefined || latest !== idOf.get(reference)) await tagLatest(docker, reference)
  }
  return wanted
}

async function build(
  docker: Docker,
  name: (typeof ON_BASE)[number],
  wanted: RuntimeImages,
  log: (line: string) => void,
): Promise<void> {
  const started = performance.now()
  log(`building runtime ${name}`)
  await buildImage(docker, {
    what: `runtime image ${name}`,
    reference: wanted[name],
    context: contextTar(await entriesOf(docker, name)),
    args: { BASE: wanted.base },
  })
  log(`runtime ${name} built in ${((performance.now() - started) / 1000).toFixed(1)} s`)
}

async function entriesOf(docker: Docker, name: RuntimeImage): Promise<AsyncIterable<ContextEntry>> {
  const { Architecture } = name === 'node' ? ((await docker.info()) as { Architecture: string }) : {}
  return (async function* () {
    yield* dockerfileAndEntries(name)
    if (Architecture !== undefined) yield* nodeEntries(Architecture)
  })()
}

/** The Dockerfile stands at the context's root, all else of the folder becomes `/opt/dormice`. */
function* dockerfileAndEntries(name: RuntimeImage): Generator<ContextEntry> {
  const folder = runtimeFolder(name)
  yield* folderEntries('', folder, path => path === 'Dockerfile')
  yield* folderEntries('root/opt/dormice/', folder, path => path !== 'Dockerfile' && isPartOfImage(path))
}
