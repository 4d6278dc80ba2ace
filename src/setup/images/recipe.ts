import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runtimeFolder } from '../../paths.ts'
import { filesOf } from './context.ts'

/** Names of the images that Dormice makes for itself; `base` is what the others are built on. */
export type RuntimeImage = 'base' | 'node' | 'python' | 'static'

/** Files of a runtime's folder that go into its image: all but its detection rule and tests. */
export function isPartOfImage(path: string): boolean {
  return !/(^|\/)detect(\.test)?\.[jt]s$|\.test\.ts$/.test(path)
}

/**
 * First 12 hex digits of a SHA-256 over all that makes a runtime's image: an edited runtime gets another name and
 * is therefore built again, an unchanged one is found in the engine.
 *
 * @param ingredients what else the image depends on, e.g. the base's own hash and the version of Node
 */
export function recipeHash(name: RuntimeImage, ingredients: readonly string[]): string {
  const hash = createHash('sha256').update(JSON.stringify(ingredients))
  const folder = runtimeFolder(name)
  for (const path of filesOf(folder).filter(isPartOfImage)) {
    hash.update(`\0${path}\0`).update(readFileSync(join(folder, path)))
  }
  return hash.digest('hex').slice(0, 12)
}
