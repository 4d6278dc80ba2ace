import type { Detector, UploadFiles } from '../../src/releases/runtime.ts'

const ENTRIES = ['app.py', 'main.py', 'server.py', 'wsgi.py', 'asgi.py', 'app/main.py']
const PIP = '.venv/bin/python -m pip install --no-warn-script-location'

/** A file with an error in it may be a template; what the app imports fails when it starts. */
const COMPILE = "{ python3 -m compileall -q -x '/[.]venv/' /app || true; }"

/** Detects Python apps: a file that defines a WSGI or ASGI `app`, or a script that listens. */
export const python: Detector = {
  runtime: 'python',
  looksFor: [
    'requirements.txt or pyproject.toml with an app',
    `${ENTRIES.join(', ')}`,
    'manage.py of Django',
    'a single .py file at the root',
  ],
  detect(files, manifest) {
    const entry = entryFile(files)
    if (entry === undefined && manifest.runtime !== 'python') return undefined
    return {
      runtime: 'python',
      build: buildCommand(files),
      start: entry === undefined ? undefined : ['python3', '/opt/dormice/entry.py', `./${entry}`],
      port: undefined,
      env: {
        PATH: '/app/.venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        PYTHONUNBUFFERED: '1',
        // Compiled once by the build; at run time it would only make the app's disk look changed.
        PYTHONDONTWRITEBYTECODE: '1',
      },
    }
  },
}

function entryFile(files: UploadFiles): string | undefined {
  const paths = [...files.paths]
  if (files.paths.has('manage.py')) {
    const callable = ['asgi.py', 'wsgi.py'].flatMap(name => paths.filter(path => isIn(path, name)))
    if (callable[0] !== undefined) return callable[0]
  }
  const named = ENTRIES.find(path => files.paths.has(path))
  if (named !== undefined) return named
  const [only, ...others] = paths.filter(path => /^[^/]+\.py$/.test(path))
  return others.length === 0 ? only : undefined
}

/** Whether a path is a file of that name in a folder at the root. */
function isIn(path: string, name: string): boolean {
  const [, file, ...deeper] = path.split('/')
  return file === name && deeper.length === 0
}

/**
 * The system's packages show through, so that an app needs no server of its own and pip need not be installed
 * again. Compiled afterwards, or every wake would compile.
 */
function buildCommand(files: UploadFiles): string | undefined {
  const install = installCommand(files)
  // A script alone is compiled whenever it runs, whatever there is beside it.
  if (install === undefined)
    return [...files.paths].filter(path => path.endsWith('.py')).length > 1 ? COMPILE : undefined
  return ['python3 -m venv --system-site-packages --without-pip .venv', install, COMPILE].join(' && ')
}

function installCommand(files: UploadFiles): string | undefined {
  if (files.paths.has('requirements.txt')) return `${PIP} -r requirements.txt`
  const project = files.text('pyproject.toml') ?? ''
  if (/^\s*\[build-system\]/m.test(project)) return `${PIP} .`
  // Others hold only the settings of tools.
  if (!/^\s*\[project\]/m.test(project)) return undefined
  const list = '/tmp/requirements.txt'
  return `python3 /opt/dormice/project_dependencies.py > ${list} && ${PIP} -r ${list}`
}
