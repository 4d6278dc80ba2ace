import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Root of this package, in a clone, in `dist/` and under node_modules alike: the nearest folder with a package.json. */
export const packageRoot: string = findRoot(import.meta.dirname)

/** Folder of a runtime's Dockerfile, detection rule and entry. */
export function runtimeFolder(name: string): string {
  return join(packageRoot, 'runtimes', name)
}

function findRoot(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : findRoot(dirname(folder))
}
