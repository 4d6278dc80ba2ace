import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import Database from 'better-sqlite3'
import { removeImages } from './support/cleanup.ts'
import { TestHost } from './support/host.ts'
import { PrivateEngine } from './support/private-engine.ts'
import { deployShell, run, sleepAndSnapshot, snapshotsOf, tree } from './support/shell-app.ts'

/** Images of a host of which the data folder has a copy. */
function copies(host: TestHost): Set<string> {
  const database = new Database(join(host.data, 'dormice.db'), { readonly: true })
  try {
    const rows = database.prepare('select image from copies').all() as { image: string }[]
    return new Set(rows.map(({ image }) => image))
  } finally {
    database.close()
  }
}

/** Resolves once everything that an app has on the engine is copied; looks for at most 60 s. */
async function untilCopied(host: TestHost, app: string): Promise<void> {
  const deadline = Date.now() + 60_000
  const missing = async () => (await imagesOf(host, app)).filter(image => !copies(host).has(image))
  while ((await missing()).length > 0) {
    assert.ok(Date.now() < deadline, `no copy of ${await missing()}`)
    await sleep(50)
  }
}

/** Tags of an app's releases and snapshots, by the API. */
async function imagesOf(host: TestHost, app: string): Promise<string[]> {
  const { releases } = (await host.api('GET', `/v1/apps/${app}/releases`)).json
  const tags = releases.map(({ number }: { number: number }) => `dormice-${host.id}/${app}:r${number}`)
  return [...tags, ...(await snapshotsOf(host, app)).map(({ image }) => image)]
}

/** Removes all images of a host from the engine, as pruning it does: its apps sleep, and what sleeps has no container. */
async function prune(host: TestHost): Promise<void> {
  const { apps } = (await host.api('GET', '/v1/apps')).json
  for (const { name } of apps) await host.sleep(name)
  await removeImages(`dormice.host=${host.id}`)
}

/** Images of an app that the host made again since it started. */
function restored(host: TestHost, app: string): string[] {
  return host.log
    .filter(one => one['event'] === 'image_restored' && one['app'] === app)
    .map(one => String(one['image']))
}

const writes = (word: string) =>
  `mkdir -p data; echo ${word} > data/word; echo ${word} > data/${word}; head -c 200000 /dev/urandom > data/random; ln -f data/word linked`

describe('an engine that lost its images', () => {
  let host: TestHost
  before(async () => {
    host = await TestHost.start({ DORMICE_COPY_AFTER: '1s' })
  })
  after(() => host[Symbol.asyncDispose]())

  test('gets those of sleeping apps again, from their copies, when a request wakes them', async () => {
    const disks = new Map<string, unknown>()
    for (const app of ['one', 'two']) {
      await deployShell(host, app, app)
      await run(host, app, writes('first'))
      await host.sleep(app)
      await run(host, app, writes('second'))
      disks.set(app, await tree(host, app))
      await host.sleep(app)
    }
    // It wrote nothing, so it sleeps as its release.
    await deployShell(host, 'blank', 'blank')
    await host.sleep('blank')
    for (const app of ['one', 'two', 'blank']) await untilCopied(host, app)
    await prune(host)
    for (const [app, disk] of disks) assert.deepEqual(await tree(host, app), disk)
    assert.equal((await host.visit('blank')).body, 'blank')
    for (const app of ['one', 'two', 'blank']) assert.ok(restored(host, app).length > 0)
    // And they go on as ever.
    await run(host, 'one', writes('third'))
    await host.sleep('one')
    assert.equal(await run(host, 'one', 'cat data/word'), 'third\n')
  })

  test('gets all of an app’s history again when it is asked for, and each of it can be gone back to', async () => {
    await deployShell(host, 'history', 'old code')
    const disks: unknown[] = []
    for (const word of ['first', 'second', 'third']) {
      if (word === 'third') await deployShell(host, 'history', 'new code')
      await run(host, 'history', writes(word))
      disks.push(await tree(host, 'history'))
      await host.sleep('history')
    }
    await untilCopied(host, 'history')
    const images = await imagesOf(host, 'history')
    await prune(host)
    const answer = await host.api('POST', '/v1/apps/history/restore')
    assert.equal(answer.status, 200, answer.body)
    assert.deepEqual(answer.json.missing, [])
    assert.deepEqual(restored(host, 'history').sort(), images.sort())
    const tags = (await host.images()).flatMap(({ RepoTags }) => RepoTags ?? [])
    assert.deepEqual(tags.filter(tag => tag.includes('/history:')).sort(), images)
    assert.deepEqual(await host.api('POST', '/v1/apps/history/restore').then(({ json }) => json), {
      restored: [],
      missing: [],
    })
    const numbers = (await snapshotsOf(host, 'history'))
      .filter(one => one.reason === 'manual')
      .map(one => one.number)
    for (const [n, number] of numbers.entries()) {
      const back = await host.api('POST', '/v1/apps/history/rollback', { snapshot: number })
      if (back.json.code !== 'already_there') assert.equal(back.status, 200, back.body)
      assert.deepEqual(await tree(host, 'history'), disks[n])
    }
  })

  test('gets what it needs again for a rollback, a fork, a deploy, an export and a snapshot’s changes', async () => {
    await deployShell(host, 'needed', 'code')
    await run(host, 'needed', writes('first'))
    const first = await sleepAndSnapshot(host, 'needed')
    await run(host, 'needed', writes('second'))
    const second = await sleepAndSnapshot(host, 'needed')
    await untilCopied(host, 'needed')
    await prune(host)
    assert.equal(
      (await host.api('POST', '/v1/apps/needed/fork', { name: 'forked', snapshot: second.number })).status,
      201,
    )
    assert.equal(await run(host, 'forked', 'cat data/word'), 'second\n')
    await host.api('DELETE', '/v1/apps/forked')
    await prune(host)
    assert.equal((await host.api('POST', '/v1/apps/needed/rollback', { snapshot: first.number })).status, 200)
    assert.equal(await run(host, 'needed', 'cat data/word'), 'first\n')
    await host.sleep('needed')
    await untilCopied(host, 'needed')
    await prune(host)
    await deployShell(host, 'needed', 'new code')
    assert.equal(await run(host, 'needed', 'cat data/word'), 'first\n')
    await host.sleep('needed')
    await untilCopied(host, 'needed')
    await prune(host)
    const headers = { authorization: `Bearer ${host.token}` }
    const { status, body } = await host.open('dormice', '/v1/apps/needed/export', { headers })
    assert.equal(status, 200)
    await body.arrayBuffer()
    const changes = await host.api('GET', `/v1/apps/needed/snapshots/${second.number}/changes`)
    assert.equal(changes.json.total.added, 1, changes.body)
  })

  test('and has neither an image nor a copy of it: the app is lost and said so, and restoring says what is missing', async () => {
    const unprotected = await TestHost.start({ DORMICE_COPY_AFTER: '1h' })
    try {
      await deployShell(unprotected, 'robbed', 'robbed')
      await run(unprotected, 'robbed', writes('only'))
      await unprotected.sleep('robbed')
      const images = await imagesOf(unprotected, 'robbed')
      await prune(unprotected)
      const answer = await unprotected.visit('robbed')
      assert.deepEqual([answer.status, answer.headers['x-dormice-error']], [503, 'app_lost'])
      assert.equal(await unprotected.state('robbed'), 'lost')
      const restored = await unprotected.api('POST', '/v1/apps/robbed/restore')
      assert.deepEqual(restored.json, { restored: [], missing: images })
      const back = await unprotected.api('POST', '/v1/apps/robbed/rollback', { snapshot: 1 })
      assert.ok(back.status >= 400, back.body)
      const fork = await unprotected.api('POST', '/v1/apps/robbed/fork', { name: 'heir' })
      assert.deepEqual([fork.status, fork.json.code], [409, 'image_gone'])
      assert.equal((await unprotected.api('GET', '/v1/apps/heir')).status, 404)
    } finally {
      await unprotected[Symbol.asyncDispose]()
    }
  })
})

describe('an engine that was pruned with all that it is built on', { skip: PrivateEngine.impossible }, () => {
  let engine: PrivateEngine
  let host: TestHost
  before(async () => {
    engine = await PrivateEngine.start()
    host = await TestHost.start({ DORMICE_COPY_AFTER: '1s' }, { engine })
  })
  after(async () => {
    await host?.[Symbol.asyncDispose]()
    await engine?.[Symbol.asyncDispose]()
  })

  test('gets sleeping apps again with what they are built on, and those that are awake go on', async () => {
    const disks = new Map<string, unknown>()
    for (const app of ['asleep', 'awake']) {
      await deployShell(host, app, app)
      await run(host, app, writes('first'))
      await host.sleep(app)
      await run(host, app, writes('second'))
      disks.set(app, await tree(host, app))
      await host.sleep(app)
      await untilCopied(host, app)
    }
    await host.visit('awake')
    const { ImagesDeleted } = (await engine.docker.pruneImages({ filters: { dangling: ['false'] } })) as {
      ImagesDeleted: { Deleted?: string }[]
    }
    assert.ok(ImagesDeleted.filter(({ Deleted }) => Deleted).length > 2)
    for (const [app, disk] of disks) assert.deepEqual(await tree(host, app), disk)
    await run(host, 'awake', writes('third'))
    await host.sleep('awake')
    assert.equal(await run(host, 'awake', 'cat data/word'), 'third\n')
    const images = await imagesOf(host, 'asleep')
    const { json } = await host.api('POST', '/v1/apps/asleep/restore')
    assert.deepEqual(json.missing, [])
    const tags = (await host.images()).flatMap(({ RepoTags }) => RepoTags ?? [])
    for (const image of images) assert.ok(tags.includes(image), image)
    assert.equal((await host.api('POST', '/v1/apps/asleep/rollback', { snapshot: 1 })).status, 200)
    assert.equal(await run(host, 'asleep', 'cat data/word'), 'first\n')
  })
})
