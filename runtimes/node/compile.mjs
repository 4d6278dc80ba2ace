// Part of a build: `node compile.mjs ./file` compiles a module and all that it imports into the cache without
// running any of the app's own. A module graph is loaded and compiled whole before its first module runs; here that
// first one ends the process.
import { chmodSync, readdirSync } from 'node:fs'
import module from 'node:module'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { CACHE } from './compile-cache.mjs'
import { loadPackages } from './packages.mjs'

// However it ends: a package may end the process as it is loaded.
process.on('exit', () => {
  module.flushCompileCache()
  // Read-only, or an app's exit would add to it and every app would seem to have written something.
  for (const path of readdirSync(CACHE, { recursive: true })) chmodSync(join(CACHE, path), 0o555)
  chmodSync(CACHE, 0o555)
  process.exitCode = 0
})
process.on('uncaughtException', () => {})
globalThis[Symbol.for('dormice.compiled')] = () => process.exit()

module.enableCompileCache(CACHE)
const file = resolve(process.argv[2])
// What packages say as they are loaded belongs into the app's log, not into that of its build.
const { write } = process.stdout
process.stdout.write = process.stderr.write = () => true
loadPackages(file)
process.stdout.write = process.stderr.write = write

const first = 'data:text/javascript,globalThis[Symbol.for("dormice.compiled")]()'
const graph = [first, pathToFileURL(file).href].map(url => `import ${JSON.stringify(url)};`)
try {
  await import(`data:text/javascript,${encodeURIComponent(graph.join(''))}`)
} catch (error) {
  // What cannot be loaded is told to the app's author when it starts; here it only is not made faster.
  console.error(`not compiled ahead: ${error.message.split(' imported from')[0]}`)
  process.exit()
}
