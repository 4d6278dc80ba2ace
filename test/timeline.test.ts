import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import Docker from 'dockerode'
import { TestHost } from './support/host.ts'
import { deployShell, run, shellApp, sleepAndSnapshot, snapshotsOf, tree } from './support/shell-app.ts'
import { tarOf } from './support/tar.ts'
import { Traffic } from './support/traffic.ts'

const docker = new Docker()

/** Everything that a disk can have. */
const makes = `
  mkdir -p kept/deep empty replaced; chmod 2750 kept; chmod 711 empty
  echo one > kept/deep/changed; echo one > deleted; echo one > same; echo one > chmodded; echo one > replaced/old
  head -c 300000 /dev/urandom > random
  ln -s kept/deep/changed link; ln same same-too; printf x > "a name, with ümlaut"
  touch -d @1500000000 same kept/deep`
/** What changes, removes and adds to all of it. */
const changes = `
  echo two > kept/deep/changed; rm deleted; echo two > added; chmod 600 chmodded; rmdir empty
  rm -r replaced; echo now a file > replaced; ln -sfn elsewhere link; rm same-too; chmod 755 kept
  mkdir -p added-folder/below; head -c 1000 /dev/urandom > added-folder/below/random; head -c 5 /dev/urandom > random`

let host: TestHost
before(async () => {
  // What an app was built on stays in the data folder with its copies; read off the engine each time, it takes 10 s.
  host = await TestHost.start({ DORMICE_COPY_AFTER: '1s' })
})
after(() => host[Symbol.asyncDispose]())

const rollback = (app: string, to: object) => host.api('POST', `/v1/apps/${app}/rollback`, to)
const fork = (app: string, into: object) => host.api('POST', `/v1/apps/${app}/fork`, into)
const take = (app: string) => host.api('POST', `/v1/apps/${app}/snapshots`)

async function back(app: string, to: object): Promise<any> {
  const answer = await rollback(app, to)
  assert.equal(answer.status, 200, answer.body)
  return answer.json
}

async function containerOf(app: string): Promise<string> {
  const [container] = (await host.containers()).filter(({ Labels }) => Labels['dormice.app'] === app)
  assert.ok(container, `${app} has a container`)
  return container.Id
}

/** Tags of an app's images on the engine. */
async function imagesOf(app: string): Promise<string[]> {
  const tags = (await host.images()).flatMap(image => image.RepoTags ?? [])
  return tags.filter(tag => tag.includes(`/${app}:`)).sort()
}

/** The images that an app should have, by the API. */
async function knownImagesOf(app: string): Promise<string[]> {
  const { releases } = (await host.api('GET', `/v1/apps/${app}/releases`)).json
  const tags = releases.map(({ number }: { number: number }) => `dormice-${host.id}/${app}:r${number}`)
  return [...tags, ...(await snapshotsOf(host, app)).map(({ image }) => image)].sort()
}

async function layersOf(image: string): Promise<string[]> {
  return (await host.inspectImage(image)).RootFS.Layers ?? []
}

describe('going back', () => {
  test('an awake app that goes back to a snapshot has its disk of then, byte for byte, and can undo it', async () => {
    await deployShell(host, 'back', 'back')
    await run(host, 'back', makes)
    const then = await tree(host, 'back')
    const first = await sleepAndSnapshot(host, 'back')
    await run(host, 'back', changes)
    const now = await tree(host, 'back')
    assert.notDeepEqual(now, then)

    const app = await back('back', { snapshot: first.number })
    assert.equal(app.state, 'awake')
    assert.deepEqual(await tree(host, 'back'), then)

    // What it was before is a snapshot, and the one it goes on from says where it is from.
    const all = await snapshotsOf(host, 'back')
    assert.deepEqual(
      all.map(one => [one.number, one.reason, one.source, one.current]),
      [
        [1, 'manual', null, false],
        [2, 'rollback', null, false],
        [3, 'rollback', 1, true],
      ],
    )
    await back('back', { snapshot: 2 })
    assert.deepEqual(await tree(host, 'back'), now)
    assert.deepEqual(await imagesOf('back'), await knownImagesOf('back'))

    // And it goes on from there across sleeps.
    await host.sleep('back')
    assert.deepEqual(await tree(host, 'back'), now)
  })

  test('a sleeping app goes back too, and what it wrote after that is kept', async () => {
    await deployShell(host, 'asleep', 'asleep')
    await run(host, 'asleep', makes)
    const then = await tree(host, 'asleep')
    const first = await sleepAndSnapshot(host, 'asleep')
    await run(host, 'asleep', changes)
    await host.sleep('asleep')
    await back('asleep', { snapshot: first.number })
    assert.deepEqual(await tree(host, 'asleep'), then)
    await run(host, 'asleep', 'echo later > later')
    await host.sleep('asleep')
    assert.equal(await run(host, 'asleep', 'cat later deleted'), 'later\none\n')
  })

  test('requests that are sent while an app goes back are held and answered', async t => {
    await deployShell(host, 'held', 'held')
    await run(host, 'held', 'head -c 3000000 /dev/urandom > random')
    const first = await sleepAndSnapshot(host, 'held')
    await run(host, 'held', 'rm random')
    const traffic = new Traffic(host, 'held')
    await back('held', { snapshot: first.number })
    await back('held', { snapshot: 2 })
    const { longest, count } = await traffic.endWell()
    t.diagnostic(`${count} requests; the longest was held for ${longest.toFixed(0)} ms`)
  })

  for (const state of ['awake', 'asleep']) {
    test(`an app that is ${state} and cannot start as what it was then is as it was`, async () => {
      const app = `broken-${state}`
      await deployShell(host, app, 'works')
      const broken = await run(host, app, 'cp main.js works.js; echo "process.exit(3)" > main.js')
        .then(() => take(app))
        .then(answer => answer.json.snapshot)
      await run(host, app, 'cp works.js main.js; echo precious > precious')
      const now = await tree(host, app)
      if (state === 'asleep') await host.sleep(app)
      const answer = await rollback(app, { snapshot: broken.number })
      assert.equal(answer.status, 422, answer.body)
      assert.equal(answer.json.code, 'release_not_ready')
      assert.match(answer.json.detail, /exit code 3/)
      assert.equal(await host.state(app), state)
      assert.deepEqual(await tree(host, app), now)
      assert.deepEqual(await imagesOf(app), await knownImagesOf(app))
      await host.sleep(app)
      assert.deepEqual(await tree(host, app), now)
    })
  }

  test('no request fails while an app fails to go back', async () => {
    await deployShell(host, 'patient', 'works')
    await run(host, 'patient', 'cp main.js works.js; echo "process.exit(3)" > main.js')
    const { number } = (await take('patient')).json.snapshot
    await run(host, 'patient', 'cp works.js main.js')
    const traffic = new Traffic(host, 'patient')
    assert.equal((await rollback('patient', { snapshot: number })).status, 422)
    await traffic.endWell()
  })

  test('an older release’s code runs with what the app has written until today', async () => {
    await deployShell(host, 'code', 'one', { files: { config: 'from one' } })
    await run(host, 'code', 'echo under one > under-one')
    await deployShell(host, 'code', 'two', { files: { config: 'from two' } })
    await run(host, 'code', 'echo under two > under-two; rm under-one; echo again > under-one')
    assert.equal((await host.visit('code')).body, 'two')
    const app = await back('code', { release: 1 })
    assert.equal(app.release, 1)
    assert.equal((await host.visit('code')).body, 'one')
    assert.equal(await run(host, 'code', 'cat config under-one under-two'), 'from oneagain\nunder two\n')
    await back('code', { release: 2 })
    assert.equal((await host.visit('code')).body, 'two')
    assert.equal(await run(host, 'code', 'cat config under-one under-two'), 'from twoagain\nunder two\n')
    assert.deepEqual(await imagesOf('code'), await knownImagesOf('code'))
  })

  test('a snapshot of an older release brings that release’s code back', async () => {
    await deployShell(host, 'both', 'one')
    await run(host, 'both', 'echo one > file')
    const first = await sleepAndSnapshot(host, 'both')
    await deployShell(host, 'both', 'two')
    await run(host, 'both', 'echo two > file')
    await back('both', { snapshot: first.number })
    assert.equal((await host.visit('both')).body, 'one')
    assert.equal(await run(host, 'both', 'cat file'), 'one\n')
  })

  test('what is unknown is 404, where the app is already is 409, and both leave an awake app awake', async () => {
    await deployShell(host, 'wrong', 'wrong')
    await run(host, 'wrong', 'echo file > file')
    await host.sleep('wrong')
    await host.visit('wrong')
    const before = await tree(host, 'wrong')
    for (const [to, status, code] of [
      [{ snapshot: 99 }, 404, 'unknown_snapshot'],
      [{ release: 99 }, 404, 'unknown_release'],
      [{ snapshot: 1 }, 409, 'already_there'],
      [{ release: 1 }, 409, 'already_there'],
    ] as const) {
      const answer = await rollback('wrong', to)
      assert.deepEqual([answer.status, answer.json.code], [status, code])
    }
    assert.equal((await rollback('nowhere', { snapshot: 1 })).json.code, 'unknown_app')
    assert.equal(await host.state('wrong'), 'awake')
    assert.deepEqual(await tree(host, 'wrong'), before)
  })
})

describe('a fork', () => {
  test('of an awake app has its disk of now without stopping it, and both go on apart', async t => {
    await deployShell(host, 'parent', 'parent')
    await run(host, 'parent', makes)
    const container = await containerOf('parent')
    const before = await tree(host, 'parent')
    const traffic = new Traffic(host, 'parent')
    const answer = await fork('parent', { name: 'child' })
    const { longest } = await traffic.endWell()
    t.diagnostic(`the longest request to the parent took ${longest.toFixed(0)} ms`)
    assert.equal(answer.status, 201, answer.body)
    assert.equal(answer.json.state, 'asleep')
    assert.equal(await containerOf('parent'), container)

    assert.deepEqual(await tree(host, 'child'), before)
    await run(host, 'child', changes)
    assert.deepEqual(await tree(host, 'parent'), before)
    await run(host, 'parent', 'echo parent > only-parent')
    await host.sleep('child')
    await host.sleep('parent')
    assert.equal(
      await run(host, 'child', 'cat added; ls only-parent 2>&1 || true').then(s => s.slice(0, 4)),
      'two\n',
    )
    assert.equal(await run(host, 'parent', 'cat deleted only-parent'), 'one\nparent\n')
  })

  test('of a sleeping app, and of one of its snapshots, shares its layers', async () => {
    await deployShell(host, 'origin', 'origin')
    await run(host, 'origin', 'echo one > file')
    const first = await sleepAndSnapshot(host, 'origin')
    await run(host, 'origin', 'echo two > file')
    const second = await sleepAndSnapshot(host, 'origin')
    assert.equal((await fork('origin', { name: 'of-now' })).status, 201)
    assert.equal((await fork('origin', { name: 'of-then', snapshot: first.number })).status, 201)
    assert.equal(await host.state('origin'), 'asleep')
    for (const [app, of] of [
      ['of-now', second],
      ['of-then', first],
    ]) {
      const [own] = await snapshotsOf(host, app)
      assert.equal(own.reason, 'fork')
      assert.deepEqual(await layersOf(own.image), await layersOf(of.image))
      const release = await layersOf(`dormice-${host.id}/${app}:r1`)
      assert.deepEqual((await layersOf(own.image)).slice(0, release.length), release)
    }
    assert.equal(await run(host, 'of-now', 'cat file'), 'two\n')
    assert.equal(await run(host, 'of-then', 'cat file'), 'one\n')
  })

  test('has the settings and the environment of its origin, and its own from then on', async () => {
    await deployShell(host, 'settled', 'settled')
    await host.api('PUT', '/v1/apps/settled/env/WORD', { value: 'secret of the parent' })
    await host.api('PATCH', '/v1/apps/settled', { memory: '100m', sleepAfter: '7m' })
    await fork('settled', { name: 'copied' })
    const { settings } = (await host.api('GET', '/v1/apps/copied')).json
    assert.equal(settings.memory, 100 * 1024 * 1024)
    assert.equal(settings.sleepAfter, 7 * 60_000)
    assert.equal(await run(host, 'copied', 'echo $WORD $DORMICE_APP'), 'secret of the parent copied\n')
    await host.api('PUT', '/v1/apps/copied/env/WORD', { value: 'its own' })
    await host.api('POST', '/v1/apps/settled/restart')
    assert.equal(await run(host, 'settled', 'echo $WORD'), 'secret of the parent\n')
  })

  test('of an app that never wrote anything starts as its release', async () => {
    await deployShell(host, 'blank', 'blank')
    assert.equal((await fork('blank', { name: 'blank-too' })).status, 201)
    assert.deepEqual(await snapshotsOf(host, 'blank-too'), [])
    assert.equal((await host.visit('blank-too')).body, 'blank')
  })

  test('outlives its origin, and its origin outlives it', async () => {
    for (const gone of ['origin', 'fork']) {
      const [first, second] = [`${gone}-a`, `${gone}-b`]
      await deployShell(host, first, 'code')
      await run(host, first, makes)
      const before = await tree(host, first)
      assert.equal((await fork(first, { name: second })).status, 201)
      const [deleted, left] = gone === 'origin' ? [first, second] : [second, first]
      assert.equal((await host.api('DELETE', `/v1/apps/${deleted}`)).status, 204)
      await host.sleep(left)
      assert.deepEqual(await tree(host, left), before)
      assert.deepEqual(await imagesOf(deleted), [])
      assert.deepEqual(await imagesOf(left), await knownImagesOf(left))
    }
  })

  test('can be rolled back, deployed and forked itself', async () => {
    await deployShell(host, 'elder', 'one')
    await run(host, 'elder', 'echo one > file')
    await host.sleep('elder')
    await fork('elder', { name: 'younger' })
    await run(host, 'younger', 'echo two > file')
    await deployShell(host, 'younger', 'two')
    assert.equal(await run(host, 'younger', 'cat file'), 'two\n')
    await fork('younger', { name: 'youngest' })
    await back('younger', { snapshot: 1 })
    assert.equal((await host.visit('younger')).body, 'one')
    assert.equal(await run(host, 'younger', 'cat file'), 'one\n')
    assert.equal((await host.visit('youngest')).body, 'two')
    assert.equal(await run(host, 'youngest', 'cat file'), 'two\n')
  })

  test('gets no name that is taken, wrong or reserved, and none of an unknown point', async () => {
    await deployShell(host, 'namer', 'namer')
    for (const [into, status, code] of [
      [{ name: 'namer' }, 409, 'app_exists'],
      [{ name: 'Not/A Name' }, 400, 'invalid_app_name'],
      [{ name: 'dormice' }, 400, 'invalid_app_name'],
      [{ name: 'fine', snapshot: 99 }, 404, 'unknown_snapshot'],
    ] as const) {
      const answer = await fork('namer', into)
      assert.deepEqual([answer.status, answer.json.code], [status, code], answer.body)
    }
    assert.equal((await host.api('GET', '/v1/apps/fine')).status, 404)
  })
})

describe('a snapshot of a running app', () => {
  test('does not stop it, and is what it goes on from should its container vanish', async t => {
    await deployShell(host, 'live', 'live')
    await run(host, 'live', makes)
    const container = await containerOf('live')
    const then = await tree(host, 'live')
    const traffic = new Traffic(host, 'live')
    const answer = await take('live')
    const { longest, count } = await traffic.endWell()
    t.diagnostic(`${count} requests; the slowest took ${longest.toFixed(0)} ms`)
    assert.ok(longest < 5_000)
    assert.equal(answer.status, 201, answer.body)
    assert.equal(answer.json.taken, true)
    assert.equal(await containerOf('live'), container)

    await run(host, 'live', changes)
    await docker.getContainer(container).remove({ force: true })
    await host.until('live', 'asleep')
    await host.api('POST', '/v1/apps/live/wake')
    assert.deepEqual(await tree(host, 'live'), then)
    await host.sleep('live')
    assert.deepEqual(await tree(host, 'live'), then)
    assert.deepEqual(await imagesOf('live'), await knownImagesOf('live'))
  })

  test('is what it goes on from should its container vanish while the host is down', async () => {
    await deployShell(host, 'orphan', 'orphan')
    await run(host, 'orphan', makes)
    await take('orphan')
    const then = await tree(host, 'orphan')
    await run(host, 'orphan', changes)
    const container = await containerOf('orphan')
    await host.kill('SIGKILL')
    await docker.getContainer(container).remove({ force: true })
    await host.boot()
    assert.deepEqual(await tree(host, 'orphan'), then)
    await host.sleep('orphan')
    assert.deepEqual(await tree(host, 'orphan'), then)
  })

  test('has what was written since the one before it', async () => {
    await deployShell(host, 'series', 'series')
    const trees = []
    for (const word of ['one', 'two', 'three']) {
      await run(host, 'series', `echo ${word} > file; echo ${word} > ${word}`)
      trees.push(await tree(host, 'series'))
      assert.equal((await take('series')).json.taken, true)
    }
    await host.sleep('series')
    // The last one has it all already.
    assert.deepEqual(
      (await snapshotsOf(host, 'series')).map(one => [one.number, one.current]),
      [
        [1, false],
        [2, false],
        [3, true],
      ],
    )
    for (const number of [1, 2]) {
      await back('series', { snapshot: number })
      assert.deepEqual(await tree(host, 'series'), trees[number - 1])
    }
    await back('series', { snapshot: 3 })
    assert.deepEqual(await tree(host, 'series'), trees[2])
  })

  test('does not bring back what the app has undone since', async () => {
    await deployShell(host, 'undone', 'undone')
    await run(host, 'undone', 'echo kept > kept; echo secret > undone')
    assert.equal((await take('undone')).json.taken, true)
    await run(host, 'undone', 'rm undone')
    await host.sleep('undone')
    assert.equal(await run(host, 'undone', 'cat kept; ls undone 2>/dev/null || echo gone'), 'kept\ngone\n')
  })

  test('does not bring back what was all that the app had written', async () => {
    // As root the app may write where nothing but the file itself is a change.
    const Dockerfile =
      'FROM dormice/runtime-node:latest\nCOPY main.js /srv/main.mjs\nWORKDIR /app\nEXPOSE 8080\nCMD ["node", "/opt/dormice/entry.mjs", "/srv/main.mjs"]\n'
    const answer = await host.api(
      'POST',
      '/v1/apps/rooted/releases',
      await tarOf({ Dockerfile, 'main.js': shellApp('rooted') }),
    )
    assert.equal(answer.status, 201, answer.body)
    await run(host, 'rooted', 'echo secret > /undone')
    assert.equal((await take('rooted')).json.taken, true)
    await run(host, 'rooted', 'rm /undone')
    await host.sleep('rooted')
    assert.equal(await run(host, 'rooted', 'ls /undone 2>/dev/null || echo gone'), 'gone\n')
    await run(host, 'rooted', 'echo later > /later')
    await host.sleep('rooted')
    assert.equal(
      await run(host, 'rooted', 'cat /later; ls /undone 2>/dev/null || echo gone'),
      'later\ngone\n',
    )
  })

  test('is not taken when nothing was written since the newest one', async () => {
    await deployShell(host, 'quiet', 'quiet')
    const never = await take('quiet')
    assert.deepEqual([never.status, never.json], [200, { taken: false, snapshot: null }])
    await run(host, 'quiet', 'echo file > file')
    const first = await take('quiet')
    assert.deepEqual([first.status, first.json.taken, first.json.snapshot.number], [201, true, 1])
    const second = await take('quiet')
    assert.deepEqual([second.status, second.json.taken, second.json.snapshot.number], [200, false, 1])
    await host.sleep('quiet')
    const asleep = await take('quiet')
    assert.deepEqual([asleep.status, asleep.json.taken, asleep.json.snapshot.number], [200, false, 1])
    await host.visit('quiet')
    const awake = await take('quiet')
    assert.deepEqual([awake.status, awake.json.taken, awake.json.snapshot.number], [200, false, 1])
    assert.deepEqual(await imagesOf('quiet'), await knownImagesOf('quiet'))
  })

  test('says which paths it changed', async () => {
    await deployShell(host, 'diffed', 'diffed')
    await run(host, 'diffed', 'mkdir folder; echo one > folder/changed; echo one > deleted; echo same > same')
    await host.sleep('diffed')
    await run(host, 'diffed', 'echo two > folder/changed; rm deleted; echo two > added; chmod 600 same')
    const { number } = await sleepAndSnapshot(host, 'diffed')
    const answer = await host.api('GET', `/v1/apps/diffed/snapshots/${number}/changes`)
    assert.equal(answer.status, 200, answer.body)
    assert.deepEqual(answer.json, {
      changes: [
        { path: '/app/added', kind: 'added' },
        { path: '/app/deleted', kind: 'deleted' },
        { path: '/app/folder/changed', kind: 'changed' },
        { path: '/app/same', kind: 'changed' },
      ],
      total: { added: 1, changed: 2, deleted: 1 },
      truncated: false,
    })
  })
})
