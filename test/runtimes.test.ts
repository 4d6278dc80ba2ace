import assert from 'node:assert/strict'
import { request } from 'node:http'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type RuntimeApp, RuntimeApps, wheel } from './support/runtime-app.ts'

const apps = new RuntimeApps()
after(() => apps[Symbol.asyncDispose]())

const text = async (url: string, init?: RequestInit) => (await fetch(url, init)).text()

/** A function that shows every behaviour of the entry that serves functions. */
const FUNCTION = `
let aborted = 0
type Route = (request: Request) => Response | Promise<Response>
const routes: Record<string, Route> = {
  '/': () => new Response('hello'),
  '/url': request => new Response(request.url),
  '/echo': request => new Response(request.body, { status: 201, headers: { 'x-kind': 'echo' } }),
  '/ignore': () => new Response('ignored'),
  '/cookies': () => {
    const response = new Response(null, { status: 204 })
    response.headers.append('set-cookie', 'a=1; Expires=Thu, 01 Jan 2099 00:00:00 GMT')
    response.headers.append('set-cookie', 'b=2')
    return response
  },
  '/slow': () => {
    let n = 0
    return new Response(new ReadableStream({
      async pull(controller) {
        if (n === 3) return controller.close()
        if (n > 0) await new Promise(resolve => setTimeout(resolve, 300))
        controller.enqueue(new TextEncoder().encode('part ' + ++n + '\\n'))
      },
    }))
  },
  '/never': request => new Promise(() => request.signal.addEventListener('abort', () => aborted++)),
  '/silent': () => new Response(new ReadableStream({ cancel() { aborted++ } }), {
    headers: { 'content-type': 'text/event-stream' },
  }),
  '/aborted': () => Response.json(aborted),
  '/broken': () => { throw new Error('told only to the log') },
  '/cut': () => new Response(new ReadableStream({
    start(controller) { controller.enqueue(new Uint8Array(10)) },
    pull(controller) { setTimeout(() => controller.error(new Error('source lost')), 20); return new Promise(() => {}) },
  })),
  '/nothing': () => 'a string' as unknown as Response,
}
export default {
  fetch: (request: Request) => routes[new URL(request.url).pathname]?.(request) ?? new Response('none', { status: 404 }),
}
`

test('node: a function in TypeScript is served', async t => {
  const app = await apps.start({ 'index.ts': FUNCTION })
  const get = (path: string, init?: RequestInit) => fetch(app.url + path, init)

  await t.test('it answers, with the length of a body that is known', async () => {
    const response = await get('/')
    assert.equal(response.headers.get('content-length'), '5')
    assert.equal(await response.text(), 'hello')
  })

  await t.test('the address that the client asked for is the request’s', async () => {
    assert.equal(await text(`${app.url}/url?a=%20b`), `${app.url}/url?a=%20b`)
    const forwarded = { 'x-forwarded-proto': 'https' }
    assert.match(await text(`${app.url}/url`, { headers: forwarded }), /^https:/)
  })

  await t.test('a body of several megabytes comes back whole', async () => {
    const body = Buffer.alloc(5_000_000, 'abcdefg')
    const response = await get('/echo', { method: 'POST', body })
    assert.equal(response.status, 201)
    assert.equal(response.headers.get('x-kind'), 'echo')
    assert.ok(body.equals(Buffer.from(await response.arrayBuffer())))
  })

  await t.test('a body streams out while it streams in', async () => {
    const { head, parts } = await duplex(`${app.url}/echo`)
    assert.equal(head, 201)
    assert.deepEqual(parts, ['first', 'second'])
  })

  await t.test('a body that nobody reads does not stop the connection’s next request', async () => {
    for (let i = 0; i < 3; i++) {
      const response = await get('/ignore', { method: 'POST', body: Buffer.alloc(1_000_000) })
      assert.equal(await response.text(), 'ignored')
    }
  })

  await t.test('HEAD gets the head alone', async () => {
    const response = await get('/slow', { method: 'HEAD' })
    assert.equal(response.status, 200)
    assert.equal(await response.text(), '')
  })

  await t.test('cookies stay apart', async () => {
    const cookies = (await get('/cookies')).headers.getSetCookie()
    assert.deepEqual(cookies, ['a=1; Expires=Thu, 01 Jan 2099 00:00:00 GMT', 'b=2'])
  })

  await t.test('each part of a stream goes out when it is made', async () => {
    const parts: number[] = []
    const started = performance.now()
    for await (const _ of (await get('/slow')).body!) parts.push(performance.now() - started)
    assert.equal(parts.length, 3)
    assert.ok(parts[0]! < 250 && parts[2]! > 500, `parts came after ${parts.join(', ')} ms`)
  })

  await t.test('a client that leaves aborts the request’s signal and cancels the stream', async () => {
    const before = Number(await text(`${app.url}/aborted`))
    const leave = new AbortController()
    const never = get('/never', { signal: leave.signal })
    // The head of an event stream comes before its first event.
    const silent = await get('/silent', { signal: leave.signal })
    assert.equal(silent.headers.get('content-type'), 'text/event-stream')
    leave.abort()
    await assert.rejects(never)
    const deadline = performance.now() + 2000
    let now = before
    while (now < before + 2 && performance.now() < deadline) now = Number(await text(`${app.url}/aborted`))
    assert.equal(now, before + 2)
  })

  await t.test('an error is answered with 500 and told to the log alone', async () => {
    const response = await get('/broken')
    assert.equal(response.status, 500)
    assert.doesNotMatch(await response.text(), /told only/)
    await app.logged(/Error: told only to the log\n\s+at /)
    assert.equal((await get('/nothing')).status, 500)
    await app.logged(/fetch must return a Response, it returned a string/)
  })

  await t.test('an answer whose source breaks is cut off, not ended', async () => {
    await assert.rejects((await get('/cut')).arrayBuffer())
  })

  await t.test('serving writes nothing to the disk', async () => {
    assert.deepEqual(await app.written(), [])
  })

  await t.test('SIGTERM lets the answer under way end, then the process', async () => {
    const response = await get('/slow')
    const body = response.text()
    const stopping = performance.now()
    await app.container.stop({ t: 10 })
    const took = performance.now() - stopping
    assert.ok(took < 5000, `idle connections do not hold it up, it took ${took} ms`)
    assert.equal(await body, 'part 1\npart 2\npart 3\n')
    assert.equal((await app.container.inspect()).State.ExitCode, 0)
  })
  t.diagnostic(`node function: ${app.startedIn.toFixed(0)} ms from start to listening`)
})

test('node: a function in JavaScript is served, ESM and CommonJS', async () => {
  const esm = await apps.start({ 'server.mjs': 'export default { fetch: () => new Response("esm") }' })
  assert.equal(await text(esm.url), 'esm')
  const cjs = await apps.start({ 'index.cjs': 'exports.default = { fetch: () => new Response("cjs") }' })
  assert.equal(await text(cjs.url), 'cjs')
})

test('node: TypeScript is compiled by the build, which runs none of it', async () => {
  const app = await apps.start({
    'package.json': JSON.stringify({ type: 'module', imports: { '#lib/*': './lib/*' } }),
    'index.ts': `
      import { readdirSync } from 'node:fs'
      import { word } from './lib/word.ts'
      import { ran } from '#lib/ran.ts'
      const cached = () => readdirSync('/home/app/.compile-cache', { recursive: true }).length > 2
      export default { fetch: () => Response.json([word, ran, cached()]) }`,
    'lib/word.ts': 'export const word: string = "moss"',
    'lib/ran.ts': `
      import { existsSync, writeFileSync } from 'node:fs'
      export const ran: boolean = existsSync('/app/ran')
      writeFileSync('/app/ran', '')`,
  })
  assert.deepEqual(JSON.parse(await text(app.url)), ['moss', false, true])
  await app.container.stop({ t: 10 })
  // Not even its end adds to the cache.
  assert.deepEqual(await app.written(), ['/app', '/app/ran'])
})

test('node: the packages of an app are compiled by the build, whatever they do as they are loaded', async () => {
  const packages = {
    quiet: 'exports.word = "moss"',
    loud: 'console.log("hello from a package"); throw new Error("not without a terminal")',
    last: 'process.exit(3)',
  }
  const app = await apps.start({
    'package.json': JSON.stringify({
      scripts: { start: 'node server.js' },
      dependencies: Object.fromEntries(Object.keys(packages).map(name => [name, `file:./packages/${name}`])),
    }),
    'server.js': `
      const { word } = require('./lib/word.js')
      const { existsSync, readdirSync } = require('node:fs')
      const cached = () => readdirSync('/home/app/.compile-cache', { recursive: true }).length > 1
      const ran = existsSync('/app/ran')
      require('node:http').createServer((_, res) => res.end([word, cached(), ran].join())).listen(process.env.PORT)`,
    'index.js': 'require("node:fs").writeFileSync("/app/ran", "")',
    'lib/word.js': `
      module.exports = require('quiet')
      if (process.env.NEVER) require('..'), require('loud'), require('last')`,
    ...Object.fromEntries(
      Object.entries(packages).flatMap(([name, text]) => [
        [`packages/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', main: 'index.js' })],
        [`packages/${name}/index.js`, text],
      ]),
    ),
  })
  assert.equal(await text(app.url), 'moss,true,false')
  await app.container.stop({ t: 10 })
  assert.deepEqual(await app.written(), [])
})

test('node: an app whose packages could not be compiled keeps no compiled code of its own', async () => {
  const app = await apps.start({
    'package.json': JSON.stringify({
      scripts: { start: 'node server.js' },
      dependencies: { deadly: 'file:./deadly' },
    }),
    'deadly/package.json': JSON.stringify({ name: 'deadly', version: '1.0.0', main: 'index.js' }),
    'deadly/index.js': 'process.kill(process.pid, "SIGKILL")',
    'server.js': `
      process.on('SIGTERM', () => process.exit())
      if (process.env.NEVER) require('deadly')
      require('node:http').createServer((_, res) => res.end('up')).listen(process.env.PORT)`,
  })
  assert.equal(await text(app.url), 'up')
  await app.container.stop({ t: 10 })
  assert.deepEqual(await app.written(), [])
})

test('node: a module that cannot be loaded fails when it starts, not when it is compiled', async () => {
  await assert.rejects(apps.start({ 'index.ts': 'import "./absent.ts"' }), /before it listened.*absent\.ts/s)
})

test('node: a module that listens is left alone, also when it exports a function', async () => {
  const listens = `
    import { createServer } from 'node:http'
    createServer((_, response) => response.end('own ' + process.argv.length)).listen(process.env.PORT, '0.0.0.0')
    export default { fetch: () => new Response('never') }`
  const app = await apps.start({ 'index.mjs': listens })
  assert.equal(await text(app.url), 'own 2')
})

test('node: the start script gets SIGTERM itself, and programs of dependencies are on its PATH', async () => {
  const app = await apps.start({
    'package.json': JSON.stringify({
      scripts: { start: 'NAME=moss greet server.js' },
      dependencies: { greet: 'file:./greet' },
    }),
    'greet/package.json': JSON.stringify({ name: 'greet', version: '1.0.0', bin: 'greet.js' }),
    'greet/greet.js': '#!/usr/bin/env node\nrequire(require("node:path").resolve(process.argv[2]))\n',
    'server.js': `
      process.on('SIGTERM', () => { console.log('asked to end'); process.exit(7) })
      require('node:http').createServer((_, res) => res.end(process.env.NAME)).listen(process.env.PORT)`,
  })
  assert.match(app.plan.build!, /^npm install/)
  assert.equal(await text(app.url), 'moss')
  await app.container.stop({ t: 10 })
  assert.equal((await app.container.inspect()).State.ExitCode, 7)
  await app.logged(/asked to end/)
})

test('node: a build script runs, and what it makes is served', async () => {
  const json = { main: 'out/app.js', type: 'module', scripts: { build: 'mkdir out && node make.js' } }
  const make = `
    import { writeFileSync } from 'node:fs'
    writeFileSync('out/app.js', 'export default { fetch: () => new Response("built") }')`
  const app = await apps.start({ 'package.json': JSON.stringify(json), 'make.js': make })
  assert.equal(await text(app.url), 'built')
})

test('python: a WSGI app is served', async t => {
  const app = await apps.start({
    'app.py': `
import time
def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/broken":
        raise ValueError("told only to the log")
    start_response("200 OK", [("content-type", "text/plain")])
    if path == "/slow":
        def parts():
            for n in range(3):
                yield b"part\\n"
                time.sleep(0.3)
        return parts()
    if path == "/echo":
        return [environ["wsgi.input"].read()]
    return [environ["wsgi.url_scheme"].encode(), b" ", environ["HTTP_HOST"].encode()]
`,
  })
  const host = new URL(app.url).host
  assert.equal(await text(app.url), `http ${host}`)
  assert.equal(await text(app.url, { headers: { 'x-forwarded-proto': 'https' } }), `https ${host}`)
  assert.equal(
    await text(`${app.url}/echo`, { method: 'POST', body: 'x'.repeat(100_000) }),
    'x'.repeat(100_000),
  )
  const response = await fetch(`${app.url}/broken`)
  assert.equal(response.status, 500)
  await app.logged(/ValueError: told only to the log/)
  assert.deepEqual(await app.written(), [])

  const slow = await fetch(`${app.url}/slow`)
  const reader = slow.body!.getReader()
  const started = performance.now()
  assert.equal(Buffer.from((await reader.read()).value!).toString(), 'part\n')
  assert.ok(performance.now() - started < 250, 'a part goes out when it is made')
  const stopped = app.container.stop({ t: 10 })
  let rest = 0
  for (let read = await reader.read(); !read.done; read = await reader.read()) rest += read.value.length
  assert.equal(rest, 10)
  await stopped
  assert.equal((await app.container.inspect()).State.ExitCode, 0)
  t.diagnostic(`python WSGI: ${app.startedIn.toFixed(0)} ms from start to listening`)
})

test('python: an ASGI app is served', async t => {
  const app = await apps.start({
    'main.py': `
class App:
    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": scope["scheme"].encode()})
app = App()
`,
  })
  assert.equal(await text(app.url, { headers: { 'x-forwarded-proto': 'https' } }), 'https')
  assert.deepEqual(await app.written(), [])
  await app.container.stop({ t: 10 })
  assert.equal((await app.container.inspect()).State.ExitCode, 0)
  t.diagnostic(`python ASGI: ${app.startedIn.toFixed(0)} ms from start to listening`)
})

test('python: a script runs as one, its modules and arguments as usual, its output at once', async t => {
  const app = await apps.start({
    'server.py': `
import os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
import words
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{__name__} {len(sys.argv)} {words.HELLO}".encode())
if __name__ == "__main__":
    print("it listens")
    HTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
`,
    'words.py': 'HELLO = "hello"\n',
  })
  assert.equal(await text(app.url), '__main__ 1 hello')
  await app.logged(/it listens/)
  assert.deepEqual(await app.written(), [])
  t.diagnostic(`python script: ${app.startedIn.toFixed(0)} ms from start to listening`)
})

test('python: an app of a framework that is neither WSGI nor ASGI runs as a script', async () => {
  const app = await apps.start({
    'app.py': `
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
class Application:
    def __call__(self):
        return self
app = Application()
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"own server")
if __name__ == "__main__":
    HTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
`,
  })
  assert.equal(await text(app.url), 'own server')
})

test('python: requirements are installed and all is compiled before it runs', async () => {
  const app = await apps.start({
    'requirements.txt': './vendor/greeting-1.0-py3-none-any.whl\n',
    'vendor/greeting-1.0-py3-none-any.whl': wheel('greeting', 'WORD = "from a wheel"\n'),
    'app.py': `
import greeting, os
def app(environ, start_response):
    start_response("200 OK", [])
    return [greeting.WORD.encode(), str(os.listdir("/app/__pycache__")).encode()]
`,
  })
  assert.equal(await text(app.url), "from a wheel['app.cpython-311.pyc']")
  assert.deepEqual(await app.written(), [])
})

test('python: modules beside the app are compiled by the build, and nothing at run time', async () => {
  const app = await apps.start({
    'words.py': 'WORD = "moss"\n',
    'broken.py': 'def (',
    'app.py': `
import os, words
def app(environ, start_response):
    start_response("200 OK", [])
    return [words.WORD.encode(), str(sorted(os.listdir("/app/__pycache__"))).encode()]
`,
  })
  assert.equal(await text(app.url), "moss['app.cpython-311.pyc', 'words.cpython-311.pyc']")
  assert.deepEqual(await app.written(), [])
})

test('python: a project without a build system gets its dependencies', async () => {
  const file = 'greeting-1.0-py3-none-any.whl'
  const app = await apps.start({
    'pyproject.toml': `[project]\nname = "x"\nversion = "1"\ndependencies = ["greeting @ file:///app/${file}"]\n`,
    [file]: wheel('greeting', 'WORD = "from a project"\n'),
    'main.py': `
import greeting
def application(environ, start_response):
    start_response("200 OK", [])
    return [greeting.WORD.encode()]
`,
  })
  assert.equal(await text(app.url), 'from a project')
})

test('static: a folder is served as browsers want it', async t => {
  const css = 'body { color: green }\n'.repeat(200)
  const files: Record<string, string> = {
    'index.html': '<h1>home</h1>',
    'blog/index.html': '<h1>blog</h1>',
    'style.css': css,
    '.env': 'SECRET=1',
    '.git/config': 'x',
    '.well-known/security.txt': 'Contact: x',
    'dormice.json': '{"runtime":"static"}',
  }
  const types: Record<string, string> = {
    'a.mjs': 'text/javascript; charset=utf-8',
    'a.wasm': 'application/wasm',
    'a.webmanifest': 'application/manifest+json; charset=utf-8',
    'a.svg': 'image/svg+xml',
    'a.woff2': 'font/woff2',
    'a.avif': 'image/avif',
    'a.json': 'application/json; charset=utf-8',
    'a.unknown': 'application/octet-stream',
  }
  for (const name of Object.keys(types)) files[name] = 'x'
  let app: RuntimeApp
  before(async () => {
    app = await apps.start(files)
    t.diagnostic(`static: ${app.startedIn.toFixed(0)} ms from start to listening`)
  })
  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(app.url + path, { headers, redirect: 'manual' })

  await t.test('a folder is its index, and its name without a slash leads there', async () => {
    assert.equal(await (await get('/')).text(), '<h1>home</h1>')
    assert.equal(await (await get('/blog/')).text(), '<h1>blog</h1>')
    const { status, headers } = await get('/blog')
    assert.deepEqual([status, headers.get('location')], [301, '/blog/'])
  })

  await t.test('types are right', async () => {
    for (const [name, type] of Object.entries(types)) {
      assert.equal((await get(`/${name}`)).headers.get('content-type'), type, name)
    }
  })

  await t.test('ranges are served', async () => {
    const response = await get('/style.css', { range: 'bytes=5-9', 'accept-encoding': 'identity' })
    assert.equal(response.status, 206)
    assert.equal(response.headers.get('content-range'), `bytes 5-9/${css.length}`)
    assert.equal(await response.text(), css.slice(5, 10))
  })

  await t.test('an unchanged file is answered with 304', async () => {
    const etag = (await get('/style.css')).headers.get('etag')!
    assert.equal((await get('/style.css', { 'if-none-match': etag })).status, 304)
  })

  await t.test('text is compressed for who takes it, and only then', async () => {
    const zipped = await get('/style.css', { 'accept-encoding': 'gzip' })
    assert.equal(zipped.headers.get('content-encoding'), 'gzip')
    assert.equal(zipped.headers.get('vary'), 'Accept-Encoding')
    assert.equal(await zipped.text(), css)
    const plain = await get('/style.css', { 'accept-encoding': 'identity' })
    assert.equal(plain.headers.get('content-encoding'), null)
  })

  await t.test('what is missing gets a page and 404', async () => {
    const response = await get('/nope/at/all')
    assert.equal(response.status, 404)
    assert.match(await response.text(), /Not found/)
  })

  await t.test('hidden files are denied, well-known ones are not', async () => {
    for (const path of ['/.env', '/.git/config', '/.git/', '/dormice.json']) {
      assert.equal((await get(path)).status, 404, path)
    }
    assert.equal(await (await get('/.well-known/security.txt')).text(), 'Contact: x')
  })

  await t.test('nothing tells the server’s version, and requests are in the log', async () => {
    assert.equal((await get('/')).headers.get('server'), 'nginx')
    await app.logged(/GET \/blog\/ 200/)
  })

  await t.test('serving writes nothing to the disk', async () => {
    assert.deepEqual(await app.written(), [])
  })
})

test('static: public/ is the root if the index is there, with the site’s own page for 404', async () => {
  const app = await apps.start({
    'public/index.html': 'home',
    'public/404.html': 'lost in the hedge',
    'secret.txt': 'no',
  })
  assert.equal(await text(app.url), 'home')
  const missing = await fetch(`${app.url}/secret.txt`)
  assert.equal(missing.status, 404)
  assert.equal(await missing.text(), 'lost in the hedge')
})

/** Sends one part, waits for its echo, sends another: works only if neither side waits for the whole. */
function duplex(url: string): Promise<{ head: number | undefined; parts: string[] }> {
  return new Promise((resolve, reject) => {
    const parts: string[] = []
    const sent = request(url, { method: 'POST' }, response => {
      response.on('data', async chunk => {
        parts.push(chunk.toString())
        if (parts.length === 1) {
          await delay(20)
          sent.end('second')
        }
      })
      response.on('end', () => resolve({ head: response.statusCode, parts }))
    })
    sent.on('error', reject)
    sent.write('first')
  })
}
