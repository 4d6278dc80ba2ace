// Which packages a module and the app's own files that it brings in ask for, read from their text: to run them would be
// to start the app.
import { readFileSync } from 'node:fs'
import { createRequire, isBuiltin } from 'node:module'

/** Builds run in the app's folder. */
const ownName = nameIn(textOf('package.json'))
const NAMED = /\b(?:require\s*\(|import\s*\(|from|import)\s*(['"])([^'"\n]+)\1/g

/**
 * Loads the packages that the app uses, so that they are compiled: CommonJS cannot be compiled without being run. What
 * cannot be loaded here is told when the app starts.
 *
 * @param {string} file the app's first module, an absolute path
 */
export function loadPackages(file, seen = new Set()) {
  if (seen.has(file)) return
  seen.add(file)
  const require = createRequire(file)
  for (const [, , name] of textOf(file).matchAll(NAMED)) {
    try {
      if (isOwn(name, require)) loadPackages(require.resolve(name), seen)
      else if (!isBuiltin(name)) require(name)
    } catch {}
  }
}

/** Whether a file of the app itself is meant: by its path, by a name of its `package.json`'s, `#…`, or by its own name. */
function isOwn(name, require) {
  if (name.startsWith('#')) return !require.resolve(name).includes('/node_modules/')
  if (name === ownName || name.startsWith(`${ownName}/`)) return true
  return /^\.{0,2}\/|^\.\.?$/.test(name)
}

function nameIn(packageJson) {
  try {
    return JSON.parse(packageJson).name
  } catch {
    return undefined
  }
}

function textOf(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
