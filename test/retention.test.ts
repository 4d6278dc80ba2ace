import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { TestHost } from './support/host.ts'
import { deployShell, run, shellApp, snapshotsOf } from './support/shell-app.ts'

/** Numbers of an app's snapshots. */
const numbersOf = async (host: TestHost, app: string): Promise<number[]> =>
  (await snapshotsOf(host, app)).map(({ number }) => number)

/** Resolves once the app has just these snapshots, and the engine just their images; looks for at most a minute. */
async function untilLeft(host: TestHost, app: string, numbers: readonly number[]): Promise<void> {
  const deadline = Date.now() + 60_000
  const left = async () => {
    const tags = (await host.images()).flatMap(({ RepoTags }) => RepoTags ?? [])
    const onEngine = tags.flatMap(tag => /\/([^:]+):s(\d+)/.exec(tag)?.slice(1) ?? []).join(' ')
    const wanted = numbers.every(number => ` ${onEngine} `.includes(` ${app} ${number} `))
    return JSON.stringify(await numbersOf(host, app)) === JSON.stringify(numbers) && wanted
      ? tags.filter(tag => tag.includes(`/${app}:s`)).length === numbers.length
      : false
  }
  while (!(await left())) {
    assert.ok(Date.now() < deadline, `left are ${await numbersOf(host, app)}`)
    await sleep(50)
  }
}

/** Writes random bytes and sleeps. */
async function writeAndSleep(host: TestHost, app: string, bytes: number, path: string): Promise<void> {
  await run(host, app, `head -c ${bytes} /dev/urandom > ${path}`)
  await host.sleep(app)
}

describe('snapshots', () => {
  let host: TestHost
  before(async () => {
    host = await TestHost.start({ DORMICE_COPY_AFTER: '1h' })
  })
  after(() => host[Symbol.asyncDispose]())

  const upload = (app: string) =>
    host.api('POST', `/v1/apps/${app}/releases?filename=main.js`, Buffer.from(shellApp('uploaded')))
  const pin = (app: string, number: number, pinned: boolean) =>
    host.api('PATCH', `/v1/apps/${app}/snapshots/${number}`, { pinned })

  test('beyond the tenth go, the oldest first; pinned ones stay until they are not pinned any more', async () => {
    await deployShell(host, 'many', 'many')
    for (let n = 1; n <= 10; n++) await writeAndSleep(host, 'many', 10, `file-${n}`)
    await pin('many', 2, true)
    await untilLeft(host, 'many', [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    await writeAndSleep(host, 'many', 10, 'file-11')
    await untilLeft(host, 'many', [2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    await writeAndSleep(host, 'many', 10, 'file-12')
    await untilLeft(host, 'many', [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    await pin('many', 2, false)
    await writeAndSleep(host, 'many', 10, 'file-13')
    await untilLeft(host, 'many', [4, 5, 6, 7, 8, 9, 10, 11, 12, 13])
    // What is left has everything that those before it had brought.
    assert.equal((await host.api('POST', '/v1/apps/many/rollback', { snapshot: 4 })).status, 200)
    assert.equal(await run(host, 'many', 'echo file-*'), 'file-1 file-2 file-3 file-4\n')
  })

  test('are deleted when they are asked to be, but neither the current one nor one that is pinned', async () => {
    await deployShell(host, 'asked', 'asked')
    for (let n = 1; n <= 3; n++) await writeAndSleep(host, 'asked', 10, `file-${n}`)
    await pin('asked', 2, true)
    for (const number of [2, 3]) {
      const answer = await host.api('DELETE', `/v1/apps/asked/snapshots/${number}`)
      assert.deepEqual([answer.status, answer.json.code], [409, 'snapshot_in_use'])
    }
    assert.equal((await host.api('DELETE', '/v1/apps/asked/snapshots/1')).status, 204)
    assert.equal((await host.api('DELETE', '/v1/apps/asked/snapshots/1')).status, 404)
    await untilLeft(host, 'asked', [2, 3])
    assert.equal(await run(host, 'asked', 'echo file-*'), 'file-1 file-2 file-3\n')
  })

  test('of a running app may be deleted while it falls asleep, and what it falls asleep with is kept', async () => {
    await deployShell(host, 'reused', 'reused')
    await run(host, 'reused', 'echo one > file')
    assert.equal((await host.api('POST', '/v1/apps/reused/snapshots')).json.snapshot.number, 1)
    await run(host, 'reused', 'echo two > file')
    const [deleted] = await Promise.all([
      host.api('DELETE', '/v1/apps/reused/snapshots/1'),
      host.sleep('reused'),
    ])
    assert.equal(deleted.status, 204)
    assert.deepEqual(
      (await snapshotsOf(host, 'reused')).map(one => [one.number, one.current]),
      [[2, true]],
    )
    assert.equal(await run(host, 'reused', 'cat file'), 'two\n')
  })

  test('that take more than the app may have go, the current one does not; then no upload is taken, but the app sleeps', async () => {
    await deployShell(host, 'full', 'full')
    await writeAndSleep(host, 'full', 700_000, 'one')
    await writeAndSleep(host, 'full', 700_000, 'two')
    await writeAndSleep(host, 'full', 700_000, 'three')
    assert.equal((await host.api('PATCH', '/v1/apps/full', { disk: '1m' })).status, 200)
    const refused = await upload('full')
    assert.deepEqual([refused.status, refused.json.code], [507, 'disk_full'])
    assert.match(
      refused.json.detail,
      /^the snapshots of full take 2 MiB, more than the 1 MiB that it may have/,
    )
    assert.equal((await host.visit('full')).body, 'full')
    await writeAndSleep(host, 'full', 700_000, 'four')
    await untilLeft(host, 'full', [4])
    assert.equal(await run(host, 'full', 'echo *'), 'four main.js one package.json three two\n')
    assert.equal((await upload('full')).status, 507)
    await host.api('PATCH', '/v1/apps/full', { disk: '10m' })
    assert.equal((await upload('full')).status, 201)
    assert.equal((await host.visit('full')).body, 'uploaded')
  })

  test('that hold only what was overwritten do not keep an app from being deployed', async () => {
    await deployShell(host, 'wasteful', 'wasteful')
    await host.api('PATCH', '/v1/apps/wasteful', { disk: '1m' })
    // The third of 400 kB is too much, and of all three only the last can be seen.
    for (const left of [[1], [1, 2], [3], [3, 4]]) {
      await writeAndSleep(host, 'wasteful', 400_000, 'same')
      await untilLeft(host, 'wasteful', left)
    }
    const answer = await upload('wasteful')
    assert.equal(answer.status, 201, answer.body)
    assert.equal(await run(host, 'wasteful', 'wc -c < same'), '400000\n')
  })
})

describe('a host whose disk is full of snapshots', () => {
  let host: TestHost
  before(async () => {
    host = await TestHost.start({ DORMICE_COPY_AFTER: '1h', DORMICE_DISK: '3m' })
  })
  after(() => host[Symbol.asyncDispose]())

  test('deletes the oldest ones of all apps first, takes no upload, and its apps go on sleeping', async () => {
    for (const app of ['aaa', 'zzz']) await deployShell(host, app, app)
    await writeAndSleep(host, 'zzz', 700_000, 'one')
    await run(host, 'zzz', 'rm one; echo little > little')
    await host.sleep('zzz')
    await writeAndSleep(host, 'aaa', 700_000, 'one')
    await writeAndSleep(host, 'aaa', 700_000, 'two')
    await untilLeft(host, 'zzz', [1, 2])
    await untilLeft(host, 'aaa', [1, 2])
    await writeAndSleep(host, 'aaa', 1_500_000, 'three')
    // The oldest is not of the app that took the room.
    await untilLeft(host, 'zzz', [2])
    const refused = await host.api(
      'POST',
      '/v1/apps/new/releases?filename=main.js',
      Buffer.from(shellApp('new')),
    )
    assert.deepEqual([refused.status, refused.json.code], [507, 'disk_full'])
    assert.match(refused.json.detail, /DORMICE_DISK/)
    const imported = await host.api('POST', '/v1/apps/new/import', Buffer.alloc(1024))
    assert.deepEqual([imported.status, imported.json.code], [507, 'disk_full'])
    await writeAndSleep(host, 'aaa', 10, 'four')
    assert.equal(await run(host, 'aaa', 'echo *'), 'four main.js one package.json three two\n')
    assert.equal(await run(host, 'zzz', 'cat little'), 'little\n')
  })
})
