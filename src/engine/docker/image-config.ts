import type Docker from 'dockerode'
import type { ImageManifest } from '../engine.ts'

/**
 * What an image's configuration keeps of the engine's: everything that says how it runs. Labels are the engine's, and
 * what old engines note about the committed container (its host name, its image, `container_config`) is nobody's.
 */
const kept = [
  'User',
  'ExposedPorts',
  'Env',
  'Entrypoint',
  'Cmd',
  'Volumes',
  'WorkingDir',
  'StopSignal',
  'Shell',
  'ArgsEscaped',
  'OnBuild',
] as const

type Fields = Record<string, unknown>

/** What an image is made of, as the engine shows it. */
export function manifestOf(image: Docker.ImageInspectInfo): ImageManifest {
  const { Variant, Author } = image as Docker.ImageInspectInfo & { Variant?: string }
  return {
    config: JSON.stringify({
      architecture: image.Architecture,
      ...(Variant ? { variant: Variant } : {}),
      os: image.Os,
      created: image.Created,
      ...(Author ? { author: Author } : {}),
      config: running((image.Config ?? {}) as unknown as Fields),
    }),
    layers: image.RootFS.Layers ?? [],
  }
}

/**
 * The configuration file of an image with these labels, as it stands in an archive of images. The manifest may come
 * from anywhere: only known fields are taken from it.
 *
 * @throws {Error} the manifest is none
 */
export function configFile(manifest: ImageManifest, labels: Readonly<Record<string, string>>): string {
  const given: unknown = JSON.parse(manifest.config)
  if (!isFields(given) || (given.config !== undefined && !isFields(given.config))) {
    throw new Error('an image’s configuration is not a JSON object')
  }
  const strange = manifest.layers.find(layer => !/^sha256:[0-9a-f]{64}$/.test(layer))
  if (strange !== undefined) throw new Error(`${JSON.stringify(strange)} names no layer`)
  const { architecture, variant, os, created, author, config } = given
  return JSON.stringify({
    architecture,
    variant,
    os,
    created,
    author,
    config: { ...running(isFields(config) ? config : {}), Labels: labels },
    rootfs: { type: 'layers', diff_ids: manifest.layers },
    history: manifest.layers.map(() => ({ created })),
  })
}

function running(config: Fields): Fields {
  return Object.fromEntries(
    kept.flatMap(key => (config[key] === undefined || config[key] === null ? [] : [[key, config[key]]])),
  )
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
