// Compiled code of an app's modules: the types stripped from TypeScript and what V8 made of the source. Loading
// TypeScript costs 40 ms and 11 MB without it. Made once by the build (`compile.mjs`), only read at run time.
import { existsSync } from 'node:fs'
import module from 'node:module'

export const CACHE = '/home/app/.compile-cache'

/** Uses the cache if the build has made one; never makes it, which would be a change on the app's disk. */
export function useCompileCache() {
  if (existsSync(CACHE)) module.enableCompileCache(CACHE)
}
