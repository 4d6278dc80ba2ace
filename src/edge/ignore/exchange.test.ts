import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { Ignore } from '../../apps/rules.ts'
import { Problem } from '../../problem.ts'
import { dial, get, httpApp, stage } from '../fixture.ts'

const HEALTH = { paths: ['/health', '/favicon.ico', '/wp-*'] }

/** An app with rules that is asleep until `wake`. `ask` gives back the whole answer, raw. */
async function ignoring(
  t: TestContext,
  ignore: Ignore,
  listener: RequestListener = (_, res) => res.end('up'),
) {
  const upstream = await httpApp(t, listener)
  const set = await stage(t, undefined)
  const { app, port } = set
  app.rules = { ignore }
  const ask = async (path: string, ...headers: string[]) => {
    const visitor = await dial(t, port)
    return visitor.write(get(path, 'Connection: close', ...headers)).end()
  }
  const wake = () => {
    app.upstream = upstream
  }
  const sleep = () => {
    app.upstream = undefined
  }
  return { ...set, ask, wake, sleep }
}

test('while the app sleeps an ignored request is answered and wakes nothing', async t => {
  const { app, ask, records } = await ignoring(t, HEALTH)
  const answer = await ask('/health?now')
  assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/)
  assert.match(answer, /\r\nX-Dormice-Ignored: asleep\r\n/)
  assert.match(answer, /\r\nCache-Control: no-store\r\n/)
  assert.match(answer, /\r\n\r\nasleep\n$/)
  assert.deepEqual([app.taken, app.takenQuietly, app.waiting.size], [0, 0, 0])
  assert.deepEqual(
    records.map(({ path, status, code, sent }) => ({ path, status, code, sent })),
    [{ path: '/health', status: 200, code: 'ignored', sent: 7 }],
  )
})

test('while it is awake an ignored request is forwarded with a lease that is no activity', async t => {
  const { app, ask, wake, records } = await ignoring(t, HEALTH)
  wake()
  const answer = await ask('/health')
  assert.match(answer, /\r\n\r\nup$/)
  assert.doesNotMatch(answer, /X-Dormice-Ignored/)
  assert.match(await ask('/other'), /\r\n\r\nup$/)
  await app.idle()
  assert.deepEqual([app.taken, app.takenQuietly], [1, 1])
  assert.deepEqual(
    records.map(({ code }) => code),
    [undefined, undefined],
  )
})

test('whatever is not named, or may change something, wakes the app and is held', async t => {
  const { app, port, wake } = await ignoring(t, { ...HEALTH, userAgents: ['monitors'] })
  const requests = [
    get('/'),
    get('/healthy'),
    get('/', 'User-Agent: Mozilla/5.0 (X11; Linux x86_64)'),
    get('/health').replace('GET', 'POST'),
    get('/health', 'Content-Length: 1').concat('x'),
    get('/health', 'Connection: Upgrade', 'Upgrade: websocket'),
  ]
  for (const [n, request] of requests.entries()) {
    const visitor = await dial(t, port)
    visitor.write(request)
    await app.until(({ waiting }) => waiting.size === n + 1)
  }
  wake()
  app.refuse(new Problem({ code: 'app_crashed', status: 503, detail: '' }))
})

test('a user agent is told by a part of what it calls itself, a word stands for the known ones', async t => {
  const { app, ask } = await ignoring(t, { userAgents: ['my-probe', 'monitors', 'crawlers'] })
  for (const agent of [
    'My-Probe/2',
    'Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)',
    'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)',
  ]) {
    assert.match(await ask('/any', `User-Agent: ${agent}`), /^HTTP\/1\.1 200 .*X-Dormice-Ignored/s)
  }
  assert.equal(app.waiting.size, 0)
})

test('a user agent may be called as what every object has', async t => {
  const { app, ask } = await ignoring(t, { userAgents: ['constructor', '__proto__'] })
  for (const agent of ['constructor/1', 'my __proto__']) {
    assert.match(await ask('/', `User-Agent: ${agent}`), /\r\nX-Dormice-Ignored: asleep\r\n/)
  }
  assert.equal(app.waiting.size, 0)
})

test('what the app last answered for a path is given in its place, with its age', async t => {
  let asked = 0
  const { ask, wake, sleep } = await ignoring(t, HEALTH, (_, res) => {
    res.writeHead(200, { 'Content-Type': 'application/json', ETag: '"1"', Server: 'me' })
    res.write('{"n":')
    res.end(`${++asked}}`)
  })
  wake()
  await ask('/health')
  await ask('/health')
  sleep()
  const answer = await ask('/health')
  assert.match(answer, /^HTTP\/1\.1 200 OK\r\nContent-Type: application\/json\r\nETag: "1"\r\nAge: 0\r\n/)
  assert.match(answer, /\r\nX-Dormice-Ignored: asleep\r\nContent-Length: 7\r\n/)
  assert.doesNotMatch(answer, /Server:/)
  assert.match(answer, /\r\n\r\n\{"n":2\}$/)
  assert.match(await ask('/health?other'), /\r\n\r\nasleep\n$/)
})

test('what was answered at one name of the app is not given at another, nor at another port', async t => {
  const { port, ask, wake, sleep } = await ignoring(t, HEALTH, (req, res) => res.end(req.headers.host))
  const at = async (host: string) => {
    const visitor = await dial(t, port)
    return visitor.write(get('/health', 'Connection: close').replace('app.localhost', host)).end()
  }
  wake()
  assert.match(await at('app.localhost:666'), /app\.localhost:666$/)
  sleep()
  assert.match(await ask('/health'), /\r\n\r\nasleep\n$/)
  assert.match(await at('App.localhost:666'), /app\.localhost:666$/)
})

test('HEAD gets the head of what is kept, and of what stands in', async t => {
  const { port, ask, wake, sleep } = await ignoring(t, HEALTH)
  const visitor = await dial(t, port)
  visitor.write(get('/health').replace('GET', 'HEAD'))
  assert.match(await visitor.until('\r\n\r\n'), /\r\nContent-Length: 7\r\n.*\r\n\r\n$/s)
  wake()
  await ask('/health')
  sleep()
  visitor.received = ''
  visitor.write(get('/health').replace('GET', 'HEAD'))
  assert.match(await visitor.until('\r\n\r\n'), /\r\nContent-Length: 2\r\n.*\r\n\r\n$/s)
})

test('an answer longer than 64 KiB, or one that broke off, is not kept', async t => {
  const { ask, wake, sleep } = await ignoring(t, { paths: ['/*'] }, (req, res) => {
    if (req.url === '/large') {
      res.write(Buffer.alloc(40_000))
      res.end(Buffer.alloc(40_000))
    } else {
      res.write('half')
      setImmediate(() => res.destroy())
    }
  })
  wake()
  for (const path of ['/large', '/broken']) await ask(path)
  sleep()
  for (const path of ['/large', '/broken']) assert.match(await ask(path), /\r\n\r\nasleep\n$/)
})

test('a compressed answer is given to who can read it', async t => {
  const { ask, wake, sleep } = await ignoring(t, HEALTH, (_, res) => {
    res.writeHead(200, { 'Content-Encoding': 'gzip', Vary: 'Accept-Encoding' }).end(gzipSync('up'))
  })
  wake()
  await ask('/health')
  sleep()
  assert.match(await ask('/health', 'Accept-Encoding: br, gzip;q=0.5'), /\r\nContent-Encoding: gzip\r\n/)
  for (const accepted of ['br', 'gzip;q=0', 'identity']) {
    assert.match(await ask('/health', `Accept-Encoding: ${accepted}`), /\r\n\r\nasleep\n$/)
  }
})

test('what was kept goes when the rules change, or what the app runs does', async t => {
  const { app, ask, wake, sleep } = await ignoring(t, HEALTH)
  wake()
  await ask('/health')
  sleep()
  assert.match(await ask('/health'), /\r\n\r\nup$/)
  app.rules = { ignore: { ...HEALTH } }
  assert.match(await ask('/health'), /\r\n\r\nasleep\n$/)
})

test('an app that crashed is not said to be well', async t => {
  const { app, ask, wake, sleep } = await ignoring(t, HEALTH)
  wake()
  await ask('/health')
  sleep()
  app.broken = new Problem({ code: 'app_crashed', status: 503, detail: 'hush', retryAfter: 3 })
  assert.match(await ask('/health'), /^HTTP\/1\.1 503 .*X-Dormice-Error: app_crashed/s)
})

test('an ignored request whose instance ends before it is connected is answered like one of a sleeping app', async t => {
  const { app, ask } = await ignoring(t, HEALTH)
  app.upstream = { host: '127.0.0.1', port: 1 }
  app.unreachable = async () => {
    app.upstream = undefined
  }
  assert.match(await ask('/health'), /\r\n\r\nasleep\n$/)
})

for (const [path, accept, type, body] of [
  ['/favicon.ico', 'image/*', 'image/gif', /^GIF89a/],
  ['/wp-logo.svg', '*/*', 'image/svg+xml', /^<svg/],
  ['/wp-robots.txt', '*/*', 'text/plain; charset=utf-8', /^$/],
  ['/wp-a', 'application/json', 'application/json', /^\{"status":"asleep"\}$/],
  ['/wp-a', 'text/html,application/json;q=0.9', 'text/html; charset=utf-8', /^<!doctype html>/],
  ['/wp-a', '*/*', 'text/plain; charset=utf-8', /^asleep\n$/],
] as const) {
  test(`what stands in at ${path} for who accepts ${accept} is ${type}`, async t => {
    const { ask } = await ignoring(t, HEALTH)
    const [head = '', text = ''] = (await ask(path, `Accept: ${accept}`)).split('\r\n\r\n')
    assert.ok(head.includes(`\r\nContent-Type: ${type}\r\n`), head)
    assert.match(text, body)
  })
}

test('who may not come is not answered for a sleeping app either', async t => {
  const { app, ask } = await ignoring(t, HEALTH)
  app.rules = { ...app.rules, access: { deny: ['127.0.0.1'] } }
  assert.match(await ask('/health'), /^HTTP\/1\.1 403 .*X-Dormice-Error: address_denied/s)
})
