import { Problem } from '../../src/problem.ts'
import type { Detector, UploadFiles } from '../../src/releases/runtime.ts'

/** Where the site may be, and how its folder is called in a container. */
const ROOTS = [
  { index: 'index.html', folder: '/app' },
  { index: 'public/index.html', folder: '/app/public' },
]

/** Detects folders of files for browsers. */
export const site: Detector = {
  runtime: 'static',
  looksFor: ['index.html', 'public/index.html'],
  detect(files, manifest) {
    const root = ROOTS.find(({ index }) => files.paths.has(index))
    if (root === undefined && manifest.runtime !== 'static') return undefined
    if (manifest.runtime !== 'static') refuseSources(files)
    return {
      runtime: 'static',
      build: undefined,
      start: ['/opt/dormice/serve.sh', root?.folder ?? '/app'],
      port: undefined,
      env: {},
    }
  },
}

/** The sources of a site that must be built first would be served as an empty page, which nobody understands. */
function refuseSources(files: UploadFiles): void {
  const builds = /"build"\s*:/.test(files.text('package.json') ?? '')
  if (!builds) return
  throw new Problem({
    code: 'site_needs_build',
    status: 422,
    detail:
      'This looks like the sources of a site: package.json has a build script and nothing to start. ' +
      'Build it and deploy the folder that results, add a start script, or set "runtime": "static" in dormice.json.',
    data: { entry: 'package.json' },
  })
}
