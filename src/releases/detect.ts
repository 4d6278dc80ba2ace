import { dockerfile } from '../../runtimes/dockerfile/detect.ts'
import { node } from '../../runtimes/node/detect.ts'
import { python } from '../../runtimes/python/detect.ts'
import { site } from '../../runtimes/static/detect.ts'
import { Problem } from '../problem.ts'
import { Manifest } from './manifest.ts'
import { webCommand } from './procfile.ts'
import type { Detector, Plan, UploadFiles } from './runtime.ts'
import { commandLine } from './start-command.ts'
import { inWords } from './wording.ts'

/** First that fits wins. */
const DETECTORS: readonly Detector[] = [dockerfile, node, python, site]

/** Programs that tell the runtime of a command given in `dormice.json` or a `Procfile`. */
const PROGRAMS: Readonly<Record<string, Manifest['runtime']>> = {
  node: 'node',
  npm: 'node',
  npx: 'node',
  python: 'python',
  python3: 'python',
  gunicorn: 'python',
  uvicorn: 'python',
  hypercorn: 'python',
  'waitress-serve': 'python',
  flask: 'python',
}

/**
 * How an upload becomes a release: what `dormice.json` says, then the `web` line of a `Procfile`, then what the
 * runtimes' rules find.
 * Throws `Problem` 422 `invalid_manifest`, `invalid_package_json`, `site_needs_build` or `unknown_app`.
 */
export function detectPlan(files: UploadFiles): { plan: Plan; manifest: Manifest } {
  const manifest = parseManifest(files.text('dormice.json'))
  const command = manifest.start ?? webCommand(files.text('Procfile') ?? '')
  const found = detect(files, manifest, command)
  // A Dockerfile has its own command: a Procfile beside it is for another host.
  const start = found.runtime === 'dockerfile' ? manifest.start : command
  const plan: Plan = {
    ...found,
    build: manifest.build ?? found.build,
    start: start === undefined ? found.start : commandLine(start),
    port: manifest.port ?? found.port,
  }
  if (plan.start === undefined && plan.runtime !== 'dockerfile') throw unknownApp(manifest.runtime)
  return { plan, manifest }
}

/** Parses the text of a `dormice.json`; undefined is an empty one. Throws `Problem` 422 `invalid_manifest`. */
export function parseManifest(text: string | undefined): Manifest {
  if (text === undefined) return {}
  let json: unknown
  try {
    json = JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (error) {
    throw invalidManifest('', `not valid JSON: ${(error as Error).message}`)
  }
  const parsed = Manifest.safeParse(json, { error: inWords })
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw invalidManifest(issue?.path.join('.') ?? '', issue?.message ?? 'not accepted')
}

function detect(files: UploadFiles, manifest: Manifest, command: string | undefined): Plan {
  const asked = manifest.runtime
  if (asked !== undefined) {
    const plan = DETECTORS.find(({ runtime }) => runtime === asked)?.detect(files, manifest)
    if (plan !== undefined) return plan
    throw unknownApp(asked)
  }
  for (const detector of DETECTORS) {
    // A command names its runtime where the files alone would not, and better than they do where both would.
    const hint = detector === dockerfile ? undefined : runtimeOf(command, files)
    const plan =
      hint === undefined || hint === detector.runtime
        ? detector.detect(files, hint === undefined ? manifest : { ...manifest, runtime: hint })
        : undefined
    if (plan !== undefined) return plan
  }
  throw unknownApp(undefined)
}

/** The runtime that a command needs, by its program, else by the files that only one runtime has. */
function runtimeOf(command: string | undefined, files: UploadFiles): Manifest['runtime'] {
  if (command === undefined) return undefined
  const words = command.split(/\s+/).filter(word => word !== 'exec' && word !== 'env' && !/^\w+=/.test(word))
  const program = PROGRAMS[words[0] ?? '']
  if (program !== undefined) return program
  if (files.paths.has('package.json')) return 'node'
  if (files.paths.has('requirements.txt') || files.paths.has('pyproject.toml')) return 'python'
  return undefined
}

function unknownApp(asked: Plan['runtime'] | undefined): Problem {
  const detectors = DETECTORS.filter(({ runtime }) => asked === undefined || runtime === asked)
  const lookedFor = detectors.flatMap(({ runtime, looksFor }) => looksFor.map(what => `${what} (${runtime})`))
  const subject = asked === undefined ? 'This upload fits no runtime' : `This is no app of runtime ${asked}`
  return new Problem({
    code: 'unknown_app',
    status: 422,
    detail: `${subject}. Looked for, at its root: ${lookedFor.join('; ')}; or "start" in dormice.json or "web:" in a Procfile.`,
    data: { lookedFor },
  })
}

function invalidManifest(path: string, message: string): Problem {
  return new Problem({
    code: 'invalid_manifest',
    status: 422,
    detail: ['dormice.json', path, message].filter(part => part !== '').join(': '),
    data: { path },
  })
}
