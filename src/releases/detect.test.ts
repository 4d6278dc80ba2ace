import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Problem } from '../problem.ts'
import { detectPlan } from './detect.ts'
import type { UploadFiles } from './runtime.ts'

/** An upload of files with these texts. */
function upload(texts: Record<string, unknown>): UploadFiles {
  const text = (path: string) => {
    const value = texts[path]
    return value === undefined || typeof value === 'string' ? value : JSON.stringify(value)
  }
  return { paths: new Set(Object.keys(texts)), text }
}

const planOf = (texts: Record<string, unknown>) => detectPlan(upload(texts)).plan
const compile = (path: string) => {
  const cache = '/home/app/.compile-cache'
  const command = `timeout -s KILL 60 node /opt/dormice/compile.mjs ./${path}`
  return `{ ${command} || { rm -rf ${cache} && mkdir -m 555 ${cache}; }; }`
}
const entry = (path: string) => ['node', '/opt/dormice/entry.mjs', path]
const script = (path: string) => ['python3', '/opt/dormice/entry.py', path]
const refused = (texts: Record<string, unknown>, code: string, detail: RegExp) =>
  assert.throws(
    () => planOf(texts),
    (error: unknown) =>
      error instanceof Problem && error.code === code && error.status === 422 && detail.test(error.message),
  )

test('a start script runs directly, with the packages’ programs on PATH', () => {
  const plan = planOf({ 'package.json': { scripts: { start: 'next start' } } })
  assert.deepEqual(plan.start, ['sh', '-c', 'exec next start'])
  assert.match(plan.env['PATH']!, /^\/app\/node_modules\/\.bin:/)
  assert.equal(plan.build, undefined)
})

test('a start script with hooks is npm’s to run', () => {
  const scripts = { prestart: 'node migrate', start: 'node x' }
  assert.deepEqual(planOf({ 'package.json': { scripts } }).start, ['npm', 'start'])
})

test('without a start script the main module runs', () => {
  const plan = planOf({ 'package.json': { main: './src/server.ts' }, 'src/server.ts': '', 'index.js': '' })
  assert.deepEqual(plan.start, entry('./src/server.ts'))
})

test('main may leave the extension out, and exports go before it', () => {
  assert.deepEqual(
    planOf({ 'package.json': { main: 'lib' }, 'lib/index.js': '' }).start,
    entry('./lib/index.js'),
  )
  const exports = { '.': { require: './b.cjs', import: { default: './a.mjs' } } }
  const json = { main: 'b.cjs', exports }
  assert.deepEqual(planOf({ 'package.json': json, 'a.mjs': '', 'b.cjs': '' }).start, entry('./a.mjs'))
})

test('a main module that the build will make is taken on trust', () => {
  const json = { main: 'dist/main.js', scripts: { build: 'tsc' } }
  assert.deepEqual(planOf({ 'package.json': json, 'src/main.ts': '' }).start, entry('./dist/main.js'))
})

test('a module with a usual name needs no package.json', () => {
  assert.deepEqual(planOf({ 'index.ts': '', 'lib/a.ts': '' }).start, entry('./index.ts'))
  assert.deepEqual(planOf({ 'server.mjs': '', 'dormice.json': {} }).start, entry('./server.mjs'))
})

test('a single file of any name is an app', () => {
  assert.deepEqual(planOf({ 'hook.mts': '' }).start, entry('./hook.mts'))
  assert.deepEqual(planOf({ 'hook.py': '' }).start, script('./hook.py'))
})

test('dependencies are installed from the lock file, without those of development', () => {
  const json = { main: 'a.js', dependencies: { hono: '4' } }
  assert.match(
    planOf({ 'package.json': json, 'a.js': '', 'package-lock.json': '' }).build!,
    /^npm ci --omit=dev/,
  )
  assert.match(planOf({ 'package.json': json, 'a.js': '' }).build!, /^npm install .*--omit=dev/)
})

test('a build script runs with the packages of development, which are removed afterwards', () => {
  const json = { main: 'a.js', scripts: { build: 'tsc' }, devDependencies: { typescript: '7' } }
  const { build } = planOf({ 'package.json': json, 'a.js': '', 'package-lock.json': '' })
  assert.match(build!, /^npm ci --include=dev .* && npm run build && npm prune --omit=dev/)
})

test('TypeScript, and whatever has a build, is compiled ahead', () => {
  assert.equal(planOf({ 'index.ts': '' }).build, compile('index.ts'))
  assert.equal(planOf({ 'index.js': '' }).build, undefined)
  const json = { main: 'a.js', dependencies: { hono: '4' } }
  assert.ok(planOf({ 'package.json': json, 'a.js': '' }).build!.endsWith(` && ${compile('a.js')}`))
})

test('what a start script has Node run is compiled ahead, where that can be told and there is a build', () => {
  const planFor = (start: string, dependencies: object = { hono: '4' }) =>
    planOf({ 'package.json': { scripts: { start }, dependencies } })
  for (const start of ['node server.js', 'NODE_ENV=x node ./server.js --port 8080']) {
    const { build, env } = planFor(start)
    assert.ok(build!.endsWith(` && ${compile('server.js')}`), start)
    assert.equal(env['NODE_COMPILE_CACHE'], '/home/app/.compile-cache')
  }
  for (const start of [
    'node -r ./x.js server.js',
    'node ../server.js',
    'node a.js && node b.js',
    'next start',
  ])
    assert.doesNotMatch(planFor(start).build!, /compile\.mjs/)
  const json = { scripts: { start: 'node server.js' }, dependencies: { hono: '4' } }
  const own = planOf({ 'package.json': json, 'dormice.json': { build: 'npm ci' } })
  assert.deepEqual([own.build, own.env['NODE_COMPILE_CACHE']], ['npm ci', undefined])
  assert.equal(planFor('node server.js', {}).build, undefined)
  assert.equal(planFor('node server.js', {}).env['NODE_COMPILE_CACHE'], undefined)
})

test('Python’s modules are compiled ahead, a script alone is not', () => {
  assert.equal(planOf({ 'main.py': '' }).build, undefined)
  assert.match(planOf({ 'main.py': '', 'db.py': '' }).build!, /^\{ python3 -m compileall /)
})

test('python apps are found by their usual names, before a helper’s', () => {
  assert.deepEqual(planOf({ 'app.py': '', 'db.py': '' }).start, script('./app.py'))
  assert.deepEqual(planOf({ 'requirements.txt': '', 'app/main.py': '' }).start, script('./app/main.py'))
  assert.deepEqual(planOf({ 'manage.py': '', 'shop/wsgi.py': '' }).start, script('./shop/wsgi.py'))
})

test('python builds only when there is something to install', () => {
  assert.equal(planOf({ 'app.py': '' }).build, undefined)
  assert.equal(planOf({ 'app.py': '', 'pyproject.toml': '[tool.ruff]\n' }).build, undefined)
  assert.match(planOf({ 'app.py': '', 'requirements.txt': '' }).build!, /-r requirements\.txt/)
  assert.match(planOf({ 'app.py': '', 'pyproject.toml': '[build-system]\n' }).build!, /pip install \S+ \. /)
  assert.match(planOf({ 'app.py': '', 'pyproject.toml': '[project]\n' }).build!, /project_dependencies\.py/)
})

test('a folder with an index is a site, its app.js for browsers notwithstanding', () => {
  assert.deepEqual(planOf({ 'index.html': '', 'app.js': '' }).start, ['/opt/dormice/serve.sh', '/app'])
  assert.deepEqual(planOf({ 'public/index.html': '' }).start, ['/opt/dormice/serve.sh', '/app/public'])
})

test('the sources of a site that must be built are refused with advice', () => {
  const files = { 'index.html': '', 'package.json': { scripts: { build: 'vite build' } } }
  refused(files, 'site_needs_build', /has a build script and nothing to start/)
  assert.equal(planOf({ ...files, 'dormice.json': { runtime: 'static' } }).runtime, 'static')
})

test('a Dockerfile goes before all rules but the manifest’s runtime', () => {
  const files = { Dockerfile: '', 'index.js': '', Procfile: 'web: node index.js' }
  assert.deepEqual(planOf(files), {
    runtime: 'dockerfile',
    build: undefined,
    start: undefined,
    port: undefined,
    env: {},
  })
  assert.equal(planOf({ ...files, 'dormice.json': { runtime: 'node' } }).runtime, 'node')
  assert.deepEqual(planOf({ ...files, 'dormice.json': { start: './run' } }).start, ['sh', '-c', 'exec ./run'])
})

test('a Procfile’s web line goes before detection, the manifest’s start before both', () => {
  const files = { 'package.json': { scripts: { start: 'node a' } }, Procfile: 'worker: x\nweb: node b\n' }
  assert.deepEqual(planOf(files).start, ['sh', '-c', 'exec node b'])
  assert.deepEqual(planOf({ ...files, 'dormice.json': { start: 'node c' } }).start, [
    'sh',
    '-c',
    'exec node c',
  ])
})

test('a command tells the runtime where the files do not', () => {
  assert.equal(planOf({ 'src/main.js': '', Procfile: 'web: node src/main.js' }).runtime, 'node')
  assert.equal(planOf({ 'src/web.py': '', Procfile: 'web: A=1 gunicorn src.web:app' }).runtime, 'python')
  const both = { 'package.json': {}, 'index.js': '', 'requirements.txt': '', 'web.py': '' }
  const plan = planOf({ ...both, Procfile: 'web: python web.py' })
  assert.equal(plan.runtime, 'python')
  assert.match(plan.build!, /requirements/)
})

test('the manifest overrides build and port, and is handed on', () => {
  const { plan, manifest } = detectPlan(
    upload({ 'index.js': '', 'dormice.json': { build: 'make', port: 3000, memory: '64m' } }),
  )
  assert.equal(plan.build, 'make')
  assert.equal(plan.port, 3000)
  assert.equal(manifest.memory, 64 * 1024 * 1024)
})

test('what is wrong in dormice.json is said in one sentence with its path', () => {
  const of = (json: unknown) => ({ 'index.js': '', 'dormice.json': json })
  refused(of('{'), 'invalid_manifest', /^dormice\.json: not valid JSON: /)
  refused(
    of({ sleepAfter: '5 minutes' }),
    'invalid_manifest',
    /^dormice\.json: sleepAfter: "5 minutes" is not/,
  )
  refused(of({ memory: true }), 'invalid_manifest', /^dormice\.json: memory: accepted: /)
  refused(
    of({ strat: 'x' }),
    'invalid_manifest',
    /^dormice\.json: there is no setting "strat"; did you mean start\?$/,
  )
  refused({ Dockerfile: '', 'dormice.json': { build: 'x' } }, 'invalid_manifest', /build: a Dockerfile/)
})

test('a package.json that is not JSON is refused', () => {
  refused({ 'package.json': '{,}' }, 'invalid_package_json', /^package\.json is not valid JSON: /)
})

test('an upload that fits nothing is told what was looked for', () => {
  refused({ 'notes.txt': '' }, 'unknown_app', /Dockerfile.*package\.json.*requirements\.txt.*index\.html/)
  refused({ 'package.json': {} }, 'unknown_app', /fits no runtime/)
  refused({ 'a.txt': '', 'dormice.json': { runtime: 'python' } }, 'unknown_app', /no app of runtime python/)
})
