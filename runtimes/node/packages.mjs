// Which packages a module and the app's own files that it brings in ask for, read from their text: to run them would be
// to start the app.
import { readFileSync } from 'node:fs'
import { createRequire, isBuiltin } from 'node:module'

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

/** Whether a file of the app itself is meant: by its path, or by a name that the app's `package.json` gives it, `#…`. */
function isOwn(name, require) {
  if (name.startsWith('#')) return !require.resolve(name).includes('/node_modules/')
  return /^\.{0,2}\/|^\.\.?$/.test(name)
}

function textOf(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
