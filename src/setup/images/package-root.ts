import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Folder that holds `package.json` and `runtimes/`, both in a clone and in the installed package. */
export const PACKAGE_ROOT = rootAbove(import.meta.dirname)

/** Folder of a runtime's Dockerfile and entry. */
export function runtimeFolder(name: string): string {
  return join(PACKAGE_ROOT, 'runtimes', name)
}

function rootAbove(folder: string): string {
  if (existsSync(join(folder, 'package.json')) || dirname(folder) === folder) return folder
  return rootAbove(dirname(folder))
}
