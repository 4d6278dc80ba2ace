import type Docker from 'dockerode'
import { runtimeFolder } from '../../paths.ts'
import { buildImage, tagLatest } from './build-image.ts'
import { type ContextEntry, contextTar, fileEntry, folderEntries } from './context.ts'
import { sourcesList } from './debian-mirror.ts'
import { ensureRootfs } from './debian-rootfs.ts'
import { machineApt } from './machine-apt.ts'
import { caBundlePath, localCaPaths } from './machine-ca.ts'
import { isPartOfImage, recipeHash } from './recipe.ts'

/** Raised by hand when something outside of `runtimes/base` changes what the base holds. */
const RECIPE = '1'

/** `{hash, reference}` of the base image that this version of Dormice builds on. */
export function baseImage(): { hash: string; reference: string } {
  const hash = recipeHash('base', [RECIPE])
  return { hash, reference: `dormice/runtime-base:${hash}` }
}

/**
 * Makes sure that the base image is on the engine: Debian with this machine's apt sources and certificate
 * authorities, the user `app` (1000), `/app` and `/cache`. Returns its reference.
 * Throws `Problem` 503 `base_unavailable` or `runtime_build_failed`, whose sentence says what to do.
 */
export async function ensureBase(docker: Docker, log: (line: string) => void): Promise<string> {
  const { reference } = baseImage()
  const present = await docker.listImages({ filters: { reference: [reference] } })
  if (present.length > 0) return reference
  const rootfs = await ensureRootfs(docker, log)
  log(`building the base image on ${rootfs}`)
  await buildImage(docker, {
    what: 'base image',
    reference,
    context: contextTar(baseEntries()),
    args: { ROOTFS: rootfs },
  })
  await tagLatest(docker, reference)
  return reference
}

function* baseEntries(): Generator<ContextEntry> {
  yield* folderEntries('', runtimeFolder('base'), isPartOfImage)
  const { mirror, options } = machineApt()
  yield text('root/etc/apt/sources.list', sourcesList(mirror))
  yield text('root/etc/apt/apt.conf.d/90dormice', options)
  const bundle = caBundlePath()
  if (bundle !== undefined) yield fileEntry('root/etc/ssl/certs/ca-certificates.crt', bundle, 0o644)
  // Added again by update-ca-certificates, whenever a package has it write the bundle anew.
  for (const [index, path] of localCaPaths().entries()) {
    yield fileEntry(`root/usr/local/share/ca-certificates/machine-${index}.crt`, path, 0o644)
  }
}

function text(name: string, lines: readonly string[]): ContextEntry {
  return { name, mode: 0o644, text: lines.map(line => `${line}\n`).join('') }
}
