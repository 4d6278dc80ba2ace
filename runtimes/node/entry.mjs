// Runs an app's module: `node entry.mjs ./file`. A module whose default export has a `fetch(request)` function is
// served on $PORT; any other module is only imported, it listens by itself.
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { useCompileCache } from './compile-cache.mjs'

useCompileCache()
const path = resolve(process.argv[2] ?? '.')
// The app sees what it would see without this file between.
process.argv.splice(1, 2, path)
const { default: exported } = await import(pathToFileURL(path).href)

// A TypeScript or CommonJS build may wrap the default export once more.
const app = [exported, exported?.default].find(candidate => typeof candidate?.fetch === 'function')
if (app !== undefined) {
  const { serve } = await import('./serve.mjs')
  await serve(request => app.fetch(request))
}
