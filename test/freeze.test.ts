import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { DockerEngine } from '../src/engine/docker/docker-engine.ts'
import { TestHost } from './support/host.ts'

/** Counts in memory, and says when it began. */
const counter = `import { createServer } from 'node:http'
const began = Date.now()
let count = 0
createServer((req, res) => {
  if (req.url === '/slow') return setTimeout(() => res.end('slow'), 1500)
  res.end(JSON.stringify({ began, count: ++count }))
}).listen(process.env.PORT)
`

async function stateOfContainer(host: TestHost): Promise<string | undefined> {
  await using engine = new DockerEngine(host.id)
  return (await engine.containers())[0]?.state
}

describe('a frozen app', () => {
  let host: TestHost
  before(async () => {
    host = await TestHost.start({ DORMICE_SLEEP_AFTER: '1h', DORMICE_FREEZE_AFTER: '1h' })
    await host.deployText('counter', 'main.mjs', counter)
  })
  after(() => host[Symbol.asyncDispose]())

  const freeze = () => host.api('POST', '/v1/apps/counter/freeze')
  const count = async () => JSON.parse((await host.visit('counter')).body)

  test('goes on with the next request, with all that it had in memory', async () => {
    const before = await count()
    assert.equal((await freeze()).json.state, 'frozen')
    assert.equal(await stateOfContainer(host), 'paused')
    const answer = await host.visit('counter')
    assert.deepEqual(JSON.parse(answer.body), { began: before.began, count: before.count + 1 })
    assert.match(String(answer.headers['server-timing']), /^wake;desc=frozen;dur=\d+, wake-queue.*wake-thaw/)
    assert.equal(await host.state('counter'), 'awake')
  })

  test('is asked by many at once, and thaws once for all', async () => {
    await freeze()
    const before = host.log.filter(({ event, kind }) => event === 'awake' && kind === 'frozen').length
    const answers = await Promise.all(Array.from({ length: 100 }, () => host.visit('counter')))
    assert.ok(answers.every(({ status }) => status === 200))
    assert.equal(
      host.log.filter(({ event, kind }) => event === 'awake' && kind === 'frozen').length,
      before + 1,
    )
  })

  test('is not made of one that is in use', async () => {
    const slow = host.visit('counter', '/slow')
    while ((await host.api('GET', '/v1/apps/counter')).json.requests.running === 0);
    const refused = await freeze()
    assert.deepEqual([refused.status, refused.json.code], [409, 'freeze_refused'])
    assert.equal((await slow).body, 'slow')
  })

  test('loses no request of many that come while it is frozen again and again', async () => {
    let over = false
    const failed: unknown[] = []
    let answered = 0
    const visitor = async () => {
      while (!over) {
        const { status, body } = await host.visit('counter', '/', { method: 'POST', body: 'x' })
        if (status !== 200) failed.push(body)
        answered++
        await new Promise(resolve => setTimeout(resolve, 15))
      }
    }
    const visitors = [visitor(), visitor()]
    let frozen = 0
    while (frozen < 20) if ((await freeze()).status === 200) frozen++
    over = true
    await Promise.all(visitors)
    assert.deepEqual(failed, [])
    assert.ok(answered > 20)
  })

  test('falls asleep with its files, and wakes', async () => {
    await freeze()
    await host.sleep('counter')
    assert.deepEqual(await host.containers(), [])
    assert.equal((await count()).count, 1)
  })

  test('is restarted and snapshotted like any other', async () => {
    await freeze()
    assert.equal((await host.api('POST', '/v1/apps/counter/snapshots')).status < 300, true)
    assert.equal(await stateOfContainer(host), 'running')
    await freeze()
    assert.equal((await host.api('POST', '/v1/apps/counter/restart')).json.state, 'awake')
    assert.equal((await count()).count, 1)
  })

  test('may be made of a sleeping one, to have it ready', async () => {
    await host.sleep('counter')
    assert.equal((await freeze()).json.state, 'frozen')
    assert.match(String((await host.visit('counter')).headers['server-timing']), /desc=frozen/)
  })

  test('that a crash of the host left stays so, and the next request has it go on', async () => {
    const before = await count()
    await freeze()
    const [container] = await host.containers()
    await host.kill('SIGKILL')
    await host.boot()
    const { state, memory } = (await host.api('GET', '/v1/apps/counter')).json
    assert.deepEqual([state, await stateOfContainer(host)], ['frozen', 'paused'])
    assert.ok(memory.now > 0)
    const answer = await host.visit('counter')
    assert.deepEqual(JSON.parse(answer.body), { began: before.began, count: before.count + 1 })
    assert.match(String(answer.headers['server-timing']), /^wake;desc=frozen/)
    assert.equal((await host.containers())[0]?.Id, container?.Id)
  })

  test('that a crash left sleeps with the next start if it is never to be frozen by now', async () => {
    await freeze()
    await host.api('PATCH', '/v1/apps/counter', { freeze: 'off' })
    assert.equal((await freeze()).json.code, 'freeze_off')
    await host.kill('SIGKILL')
    await host.boot()
    assert.deepEqual([await host.state('counter'), await host.containers()], ['asleep', []])
    assert.equal((await count()).count, 1)
  })
})

test('an update of the host leaves awake apps awake and frozen ones frozen, with all that they had in memory', async () => {
  await using host = await TestHost.start({ DORMICE_FREEZE_AFTER: '1h' }, { leaveRunning: true })
  const names = ['awake', 'frozen']
  for (const name of names) await host.deployText(name, 'main.mjs', counter)
  const before = await Promise.all(names.map(async name => (await host.visit(name)).body))
  await host.api('POST', '/v1/apps/frozen/freeze')
  assert.equal(await host.kill('SIGTERM'), 0)
  await host.boot()
  assert.deepEqual(await Promise.all(names.map(name => host.state(name))), names)
  const after = await Promise.all(names.map(async name => JSON.parse((await host.visit(name)).body)))
  assert.deepEqual(
    after,
    before.map(body => ({ ...JSON.parse(body), count: 2 })),
  )
})

describe('an idle app', () => {
  let host: TestHost
  before(async () => {
    host = await TestHost.start({ DORMICE_SLEEP_AFTER: '3s', DORMICE_FREEZE_AFTER: '1s' })
    await host.deployText('counter', 'main.mjs', counter)
  })
  after(() => host[Symbol.asyncDispose]())

  test('is frozen first, and sleeps later', async () => {
    await host.visit('counter')
    await host.until('counter', 'frozen')
    await host.until('counter', 'asleep')
  })

  test('is not frozen under an open connection', async () => {
    await host.visit('counter')
    const socket = connect(host.port, '127.0.0.1')
    socket.write('GET /slow HTTP/1.1\r\nHost: counter.localhost\r\n\r\n')
    let said = ''
    socket.on('data', data => {
      said += data
    })
    while (!said.includes('slow')) await once(socket, 'data')
    assert.equal(host.log.filter(({ event }) => event === 'frozen').length, 1)
    socket.destroy()
  })

  test('is never frozen that says so', async () => {
    await host.api('PATCH', '/v1/apps/counter', { freeze: 'off' })
    await host.visit('counter')
    const frozen = host.log.filter(({ event }) => event === 'frozen').length
    await host.until('counter', 'asleep')
    assert.equal(host.log.filter(({ event }) => event === 'frozen').length, frozen)
  })
})
