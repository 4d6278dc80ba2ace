import { Problem } from '../../src/problem.ts'
import type { Detector } from '../../src/releases/runtime.ts'

/** Detects uploads that say themselves how their image is built. */
export const dockerfile: Detector = {
  runtime: 'dockerfile',
  looksFor: ['Dockerfile'],
  detect(files, manifest) {
    if (!files.paths.has('Dockerfile')) return undefined
    if (manifest.build !== undefined)
      throw new Problem({
        code: 'invalid_manifest',
        status: 422,
        detail:
          'dormice.json: build: a Dockerfile builds by itself; accepted: no build, or another runtime than dockerfile',
        data: { path: 'build' },
      })
    return { runtime: 'dockerfile', build: undefined, start: undefined, port: undefined, env: {} }
  },
}
