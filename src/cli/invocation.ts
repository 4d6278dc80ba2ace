import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { packageRoot } from '../paths.ts'

/** Whether this runs as `npm run dormice -- …` of a clone, and not as an installed `dormice`. */
function throughNpm(): boolean {
  return process.env['npm_package_json'] === join(packageRoot, 'package.json')
}

/** Where npm was called, the user's folder: npm runs a script in the package's own. Undefined without npm. */
function calledFrom(): string | undefined {
  return throughNpm() ? process.env['INIT_CWD'] : undefined
}

/** Whether `npm run …` is what works where the user is: elsewhere npm was given the clone by an alias of this name. */
function inPackageRoot(): boolean {
  return resolve(calledFrom() ?? packageRoot) === packageRoot
}

/** Whether this package is a clone; the published one carries compiled code only. */
export function isClone(): boolean {
  return existsSync(join(packageRoot, 'src', 'setup', 'bootstrap.mjs'))
}

/** What to type for a command, the way that the user called this one: `dormice ls`, `npm run dormice -- ls`. */
export function invocation(...args: string[]): string {
  return [throughNpm() && inPackageRoot() ? 'npm run dormice --' : 'dormice', ...args].join(' ')
}

/** What to type to start the host. */
export function startHost(): string {
  return isClone() && inPackageRoot() ? 'npm run up' : 'dormice up'
}

/** A path as the user meant it, from the folder where the CLI was called. */
export function userPath(path: string): string {
  return resolve(calledFrom() ?? process.cwd(), path)
}

/** A word of a command line, in quotes where a shell would not take it as it is. */
export function quoted(word: string): string {
  return /^[\w./:@=,+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
