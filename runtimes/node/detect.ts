import { posix } from 'node:path'
import { Problem } from '../../src/problem.ts'
import type { Detector, Plan, UploadFiles } from '../../src/releases/runtime.ts'
import { commandLine } from '../../src/releases/start-command.ts'

type PackageJson = {
  main?: unknown
  exports?: unknown
  scripts?: Record<string, unknown>
  dependencies?: Record<string, unknown>
  optionalDependencies?: Record<string, unknown>
}

const ENTRIES = ['index', 'main', 'server', 'app']
const EXTENSIONS = ['ts', 'mts', 'js', 'mjs', 'cjs']
const MODULE = /\.(ts|mts|js|mjs|cjs)$/
/** Where the runtime's own files are. */
const HOME = '/opt/dormice'
/** As in `compile-cache.mjs`. */
const CACHE = '/home/app/.compile-cache'
const COMPILE_SECONDS = 60
const QUIET = '--no-audit --no-fund'

/** Detects Node apps: a start script, a module named by `package.json`, or a module with a usual name. */
export const node: Detector = {
  runtime: 'node',
  looksFor: [
    'package.json with a start script or "main"',
    `${ENTRIES.join('/')}.${EXTENSIONS.join('/')}`,
    'a single JavaScript or TypeScript file',
  ],
  detect(files, manifest) {
    const json = packageJson(files)
    const install = buildCommand(files, json)
    const script = startScript(json)
    const module = script === undefined ? entryModule(files, json) : undefined
    const start = module === undefined ? script : ['node', `${HOME}/entry.mjs`, `./${module}`]
    const first = module ?? startedModule(json)
    // Nothing to gain for plain JavaScript alone: it loads as fast as it is compiled.
    const compiled = first !== undefined && (install !== undefined || /ts$/.test(first))
    const build = [install, compiled ? compileCommand(first) : undefined]
    if (start === undefined && manifest.runtime !== 'node') return undefined
    return {
      runtime: 'node',
      build: build.filter(step => step !== undefined).join(' && ') || undefined,
      start,
      port: undefined,
      env: {
        NODE_ENV: 'production',
        // The entry that serves a module knows of it by itself. Where the build makes none, the app would, and
        // seem to have written something.
        ...(compiled && module === undefined && manifest.build === undefined
          ? { NODE_COMPILE_CACHE: CACHE }
          : {}),
        PATH: '/app/node_modules/.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      },
    }
  },
}

function packageJson(files: UploadFiles): PackageJson | undefined {
  const text = files.text('package.json')
  if (text === undefined) return undefined
  try {
    const json: unknown = JSON.parse(text.replace(/^\uFEFF/, ''))
    if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json
    throw new SyntaxError('it is not an object')
  } catch (error) {
    throw new Problem({
      code: 'invalid_package_json',
      status: 422,
      detail: `package.json is not valid JSON: ${(error as Error).message}`,
      data: { entry: 'package.json' },
      cause: error,
    })
  }
}

/** `npm start` would cost half a second and keep signals from the app, so its script is run directly. */
function startScript(json: PackageJson | undefined): Plan['start'] {
  const { start, prestart, poststart } = json?.scripts ?? {}
  if (typeof start !== 'string' || start.trim() === '') return undefined
  return prestart !== undefined || poststart !== undefined ? ['npm', 'start'] : commandLine(start)
}

/** The module that a start script has Node run, if it is as simple as that. */
function startedModule(json: PackageJson | undefined): string | undefined {
  const start = String(json?.scripts?.['start'] ?? '')
  const [, path] = /^(?:[A-Za-z_]\w*=\S*\s+)*node\s+([\w@./-]+)(?:\s[^&|;<>]*)?$/.exec(start.trim()) ?? []
  if (path === undefined || path.startsWith('-')) return undefined
  const module = posix.normalize(path)
  return MODULE.test(module) && !module.startsWith('..') && !module.startsWith('/') ? module : undefined
}

/** What takes too long or too much is not made faster: the app gets an empty cache, which it cannot fill. */
function compileCommand(module: string): string {
  const compile = `timeout -s KILL ${COMPILE_SECONDS} node ${HOME}/compile.mjs ./${module}`
  return `{ ${compile} || { rm -rf ${CACHE} && mkdir -m 555 ${CACHE}; }; }`
}

function entryModule(files: UploadFiles, json: PackageJson | undefined): string | undefined {
  for (const named of [exported(json?.exports), json?.main]) {
    if (typeof named !== 'string') continue
    const path = posix.normalize(named)
    const found = [path, `${path}.js`, `${path}/index.js`].find(candidate => files.paths.has(candidate))
    if (found !== undefined) return found
    // What a build will make is not in the upload yet.
    if (json?.scripts?.['build'] !== undefined && !path.startsWith('..') && MODULE.test(path)) return path
  }
  // A browser's app.js beside an index.html makes no server of a static site.
  if (json === undefined && files.paths.has('index.html')) return undefined
  for (const name of ENTRIES) {
    for (const extension of EXTENSIONS)
      if (files.paths.has(`${name}.${extension}`)) return `${name}.${extension}`
  }
  const [only, ...others] = [...files.paths].filter(path => path !== 'dormice.json' && path !== 'Procfile')
  return only !== undefined && others.length === 0 && MODULE.test(only) ? only : undefined
}

/** The module that `exports` of a package names for `import`, of its string and its conditional forms. */
function exported(exports: unknown): string | undefined {
  if (typeof exports === 'string') return exports
  if (typeof exports !== 'object' || exports === null) return undefined
  const forms = exports as Record<string, unknown>
  return ['.', 'node', 'import', 'default'].map(key => exported(forms[key])).find(path => path !== undefined)
}

function buildCommand(files: UploadFiles, json: PackageJson | undefined): string | undefined {
  if (json === undefined) return undefined
  const builds = json.scripts?.['build'] !== undefined
  const depends = [json.dependencies, json.optionalDependencies].some(
    dependencies => Object.keys(dependencies ?? {}).length > 0,
  )
  if (!builds && !depends) return undefined
  const locked = files.paths.has('package-lock.json') || files.paths.has('npm-shrinkwrap.json')
  const install = locked ? 'npm ci' : 'npm install --no-package-lock'
  if (!builds) return `${install} --omit=dev ${QUIET}`
  // Builds need the development dependencies, the release does not.
  return `${install} --include=dev ${QUIET} && npm run build && npm prune --omit=dev ${QUIET}`
}
