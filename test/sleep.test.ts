import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { TestHost } from './support/host.ts'

/** Adds a note to the `notes` example and gives back all it knows. */
async function write(host: TestHost, app: string, text: string): Promise<void> {
  const body = JSON.stringify({ text })
  const answer = await host.visit(app, '/notes', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  })
  assert.equal(answer.status, 201, answer.body)
}

async function read(host: TestHost, app: string): Promise<string[]> {
  const answer = await host.visit(app, '/notes')
  assert.equal(answer.status, 200, answer.body)
  const notes: { text: string }[] = JSON.parse(answer.body).notes ?? JSON.parse(answer.body)
  return notes.map(note => note.text).sort()
}

describe('an app sleeps with every file that it wrote', () => {
  let host: TestHost
  before(async () => {
    host = await TestHost.start()
  })
  after(() => host[Symbol.asyncDispose]())

  test('a note written before sleeping is there after waking, and while asleep there is an image and no container', async () => {
    await host.deploy('notes', 'examples/notes')
    await write(host, 'notes', 'buy hazelnuts')
    await host.sleep('notes')
    assert.deepEqual(await host.containers(), [])
    const { snapshots } = (await host.api('GET', '/v1/apps/notes/snapshots')).json
    assert.equal(snapshots.length, 1)
    const tags = (await host.images()).flatMap(image => image.RepoTags ?? [])
    assert.ok(tags.includes(snapshots[0].image), `${snapshots[0].image} is among ${tags.join(', ')}`)
    assert.deepEqual(await read(host, 'notes'), ['buy hazelnuts'])
  })

  test('a host that was killed while the app was awake adopts it, and the notes are there', async () => {
    await host.deploy('adopted', 'examples/notes')
    await write(host, 'adopted', 'before the kill')
    const [running] = await host
      .containers()
      .then(all => all.filter(c => c.Labels['dormice.app'] === 'adopted'))
    await host.kill('SIGKILL')
    await host.boot()
    assert.equal(await host.state('adopted'), 'awake')
    assert.deepEqual(await read(host, 'adopted'), ['before the kill'])
    const [same] = await host.containers().then(all => all.filter(c => c.Labels['dormice.app'] === 'adopted'))
    assert.equal(same?.Id, running?.Id)
    await host.sleep('adopted')
    assert.deepEqual(await read(host, 'adopted'), ['before the kill'])
  })

  test('a host that was killed while the app slept wakes it with its notes, and knows when it was used', async () => {
    await host.deploy('slept', 'examples/notes')
    await write(host, 'slept', 'before the sleep')
    await host.sleep('slept')
    const { lastUsedAt } = (await host.api('GET', '/v1/apps/slept')).json
    await host.kill('SIGKILL')
    await host.boot()
    const { json } = await host.api('GET', '/v1/apps/slept')
    assert.deepEqual([json.state, json.lastUsedAt], ['asleep', lastUsedAt])
    assert.deepEqual(await read(host, 'slept'), ['before the sleep'])
  })

  test('a host that is told to stop puts its apps to sleep, and the next one wakes them', async () => {
    await host.deploy('stopped', 'examples/notes')
    await write(host, 'stopped', 'before the stop')
    await host.kill('SIGTERM')
    assert.deepEqual(await host.containers(), [])
    await host.boot()
    assert.deepEqual(await read(host, 'stopped'), ['before the stop'])
  })

  test('twenty sleeps in a row, a note written before each, lose no note', async () => {
    await host.deploy('twenty', 'examples/notes')
    const written: string[] = []
    for (let n = 1; n <= 20; n++) {
      const text = `note ${String(n).padStart(2, '0')}`
      await write(host, 'twenty', text)
      written.push(text)
      await host.sleep('twenty')
      assert.deepEqual(await read(host, 'twenty'), written)
    }
    const { snapshots } = (await host.api('GET', '/v1/apps/twenty/snapshots')).json
    assert.deepEqual(
      snapshots.map((snapshot: { number: number }) => snapshot.number).slice(-10),
      Array.from({ length: 10 }, (_, n) => n + 11),
    )
  })

  test('an app that wrote nothing sleeps without making a snapshot', async () => {
    await host.deploy('hello', 'examples/hello')
    assert.equal((await host.visit('hello')).status, 200)
    await host.sleep('hello')
    assert.deepEqual((await host.api('GET', '/v1/apps/hello/snapshots')).json.snapshots, [])
    assert.equal((await host.visit('hello')).status, 200)
  })

  test('log lines are kept across sleeps, in order and once each', async () => {
    await host.deployText(
      'talker',
      'main.js',
      "console.log('up'); export default { fetch: r => { console.log(new URL(r.url).pathname); return new Response('ok') } }",
    )
    for (const path of ['/one', '/two', '/three']) {
      await host.visit('talker', path)
      await host.sleep('talker')
    }
    await host.visit('talker', '/four')
    const lines = (await host.api('GET', '/v1/apps/talker/logs')).body.trim().split('\n')
    const texts = lines.map(line => JSON.parse(line).text).filter(text => text !== 'up')
    assert.deepEqual(texts, ['/one', '/two', '/three', '/four'])
    const last = (await host.api('GET', '/v1/apps/talker/logs?tail=2')).body.trim().split('\n')
    assert.deepEqual(
      last.map(line => JSON.parse(line).text),
      ['up', '/four'],
    )
  })

  test('an app whose image somebody removed is lost, and said to be', async () => {
    await host.deployText('robbed', 'main.js', "export default { fetch: () => new Response('ok') }")
    await host.sleep('robbed')
    await host.removeImage(`dormice-${host.id}/robbed:r1`)
    const answer = await host.visit('robbed')
    assert.equal(answer.status, 503)
    assert.equal(answer.headers['x-dormice-error'], 'app_lost')
    assert.equal(await host.state('robbed'), 'lost')
  })

  test('following the log of an app goes on across sleeps and ends when the app is deleted', async () => {
    await host.deployText(
      'followed',
      'main.js',
      "export default { fetch: r => { console.log(new URL(r.url).pathname); return new Response('ok') } }",
    )
    await host.visit('followed', '/one')
    const headers = { authorization: `Bearer ${host.token}` }
    const { body } = await host.open('dormice', '/v1/apps/followed/logs?follow=true', { headers })
    const texts: string[] = []
    for await (const chunk of body) {
      for (const line of String(chunk).trim().split('\n')) texts.push(JSON.parse(line).text)
      if (texts.length === 1) {
        await host.sleep('followed')
        await host.visit('followed', '/two')
      } else if (texts.length === 2) await host.api('DELETE', '/v1/apps/followed')
    }
    assert.deepEqual(texts, ['/one', '/two'])
  })

  test('no value of the environment is in the image of a sleeping app, and the app has it when it wakes', async () => {
    await host.deployText(
      'secretive',
      'main.js',
      "import { writeFileSync } from 'node:fs'; export default { fetch: () => { writeFileSync('written', 'x'); return new Response(process.env.API_KEY ?? 'none') } }",
    )
    assert.equal(
      (await host.api('PUT', '/v1/apps/secretive/env/API_KEY', { value: 'hunter2-planted' })).status,
      204,
    )
    assert.equal((await host.visit('secretive')).body, 'none')
    await host.api('POST', '/v1/apps/secretive/restart')
    assert.equal((await host.visit('secretive')).body, 'hunter2-planted')
    await host.sleep('secretive')
    const { snapshots } = (await host.api('GET', '/v1/apps/secretive/snapshots')).json
    assert.ok(snapshots.length > 0)
    for (const { image } of snapshots) {
      assert.doesNotMatch(JSON.stringify(await host.inspectImage(image)), /hunter2-planted/)
    }
    assert.equal((await host.visit('secretive')).body, 'hunter2-planted')
  })

  test('a variable that is removed while its app is awake is in no image either, and one of the image is back', async () => {
    await host.deployText(
      'forgetful',
      'main.js',
      "import { writeFileSync } from 'node:fs'; export default { fetch: () => { writeFileSync('written', 'x'); return new Response(process.env.LANG) } }",
    )
    const set = (key: string, value: string) => host.api('PUT', `/v1/apps/forgetful/env/${key}`, { value })
    await set('API_KEY', 'hunter2-removed')
    await set('LANG', 'tlh')
    await host.api('POST', '/v1/apps/forgetful/restart')
    assert.equal((await host.visit('forgetful')).body, 'tlh')
    for (const key of ['API_KEY', 'LANG']) await host.api('DELETE', `/v1/apps/forgetful/env/${key}`)
    await host.sleep('forgetful')
    const { snapshots } = (await host.api('GET', '/v1/apps/forgetful/snapshots')).json
    assert.ok(snapshots.length > 0)
    for (const { image } of snapshots) {
      assert.doesNotMatch(JSON.stringify(await host.inspectImage(image)), /hunter2-removed/)
    }
    assert.equal((await host.visit('forgetful')).body, 'C.UTF-8')
  })
})
