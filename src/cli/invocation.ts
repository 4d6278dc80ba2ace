import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { packageRoot } from '../paths.ts'

/** Whether this runs as `npm run dormice -- …` of a clone, and not as an installed `dormice`. */
function throughNpm(): boolean {
  return process.env['npm_package_json'] === join(packageRoot, 'package.json')
}

/** Whether this package is a clone; the published one carries compiled code only. */
export function isClone(): boolean {
  return existsSync(join(packageRoot, 'src', 'setup', 'bootstrap.mjs'))
}

/** What to type for a command, the way that the user called this one: `dormice ls`, `npm run dormice -- ls`. */
export function invocation(...args: string[]): string {
  return [throughNpm() ? 'npm run dormice --' : 'dormice', ...args].join(' ')
}

/** What to type to start the host. */
export function startHost(): string {
  return isClone() ? 'npm run up' : 'dormice up'
}

/** A path as the user meant it: `npm run` starts scripts in the package's folder, wherever it was called. */
export function userPath(path: string): string {
  const called = throughNpm() ? process.env['INIT_CWD'] : undefined
  return resolve(called ?? process.cwd(), path)
}

/** A word of a command line, in quotes where a shell would not take it as it is. */
export function quoted(word: string): string {
  return /^[\w./:@=,+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
