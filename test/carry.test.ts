import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { TestHost } from './support/host.ts'
import { deployShell, run, shellApp, snapshotsOf, tree } from './support/shell-app.ts'
import { tarOf } from './support/tar.ts'
import { Traffic } from './support/traffic.ts'

let host: TestHost
before(async () => {
  host = await TestHost.start()
})
after(() => host[Symbol.asyncDispose]())

/** The contents of files, by path; a folder's name with a slash, a symlink with its target. */
async function files(app: string, root = '/app'): Promise<Record<string, string>> {
  const script = `cd ${root}; find . -mindepth 1 | sort | while read -r path; do
    if [ -L "$path" ]; then echo "$path -> $(readlink "$path")"
    elif [ -d "$path" ]; then echo "$path/ "
    else echo "$path $(head -c 100 "$path" | head -n 1)"; fi
  done`
  const lines = (await run(host, app, script)).trim().split('\n')
  const entries = lines.map(line => /^\.\/(\S+) ?(.*)$/.exec(line)?.slice(1) as [string, string])
  return Object.fromEntries(entries.filter(([path]) => path !== 'main.js' && path !== 'package.json'))
}

/** Deploys files with a Dockerfile that copies them to /srv, where the app runs as root. */
async function deployDockerfile(app: string, says: string, more: Record<string, string>): Promise<void> {
  const Dockerfile = [
    'FROM dormice/runtime-node:latest',
    'WORKDIR /srv',
    'COPY . .',
    'EXPOSE 8080',
    'CMD ["node", "/opt/dormice/entry.mjs", "main.mjs"]',
  ].join('\n')
  const upload = { ...more, Dockerfile, 'main.mjs': shellApp(says) }
  const answer = await host.api('POST', `/v1/apps/${app}/releases`, await tarOf(upload))
  assert.equal(answer.status, 201, answer.body)
}

/** Expects that an app has no image but its releases' and its snapshots'. */
async function hasOnlyNamedImages(app: string): Promise<void> {
  const { releases } = (await host.api('GET', `/v1/apps/${app}/releases`)).json
  const tags = (await host.images()).flatMap(image => image.RepoTags ?? [])
  assert.deepEqual(tags.filter(tag => tag.includes(`/${app}:`)).sort(), [
    ...releases.map(({ number }: { number: number }) => `dormice-${host.id}/${app}:r${number}`).sort(),
    ...(await snapshotsOf(host, app)).map(({ image }) => image).sort(),
  ])
}

/** Of each time that an app's state was carried: whether that was done before its requests were held. */
function carriedAhead(app: string): unknown[] {
  return host.log
    .filter(({ event, app: of }) => event === 'state_carried' && of === app)
    .map(({ ahead }) => ahead)
}

describe('a deploy of an app that has written something', () => {
  test('keeps what the app wrote, but for the files that the upload changed', async () => {
    const one = {
      'app-changed': 'one',
      'both-changed': 'one',
      'upload-changed': 'one',
      'app-deleted': 'one',
      'app-deleted-upload-changed': 'one',
      'upload-dropped': 'one',
      'upload-dropped-app-changed': 'one',
      untouched: 'one',
    }
    const two = {
      'app-changed': 'one',
      'both-changed': 'two',
      'upload-changed': 'two',
      'app-deleted': 'one',
      'app-deleted-upload-changed': 'two',
      'upload-added': 'two',
      'upload-added-app-made': 'two',
      untouched: 'one',
    }
    await deployShell(host, 'files', 'one', { files: one })
    await run(
      host,
      'files',
      `for name in app-changed both-changed upload-dropped-app-changed upload-added-app-made app-made; do echo app > $name; done
       rm app-deleted app-deleted-upload-changed; mkdir -p made/empty; ln -s app-made link; chmod 700 made`,
    )
    await deployShell(host, 'files', 'two', { files: two })
    assert.equal((await host.visit('files')).body, 'two')
    const now = {
      'app-changed': 'app',
      'app-deleted-upload-changed': 'two',
      'app-made': 'app',
      'both-changed': 'two',
      link: '-> app-made',
      'made/': '',
      'made/empty/': '',
      untouched: 'one',
      'upload-added': 'two',
      'upload-added-app-made': 'two',
      'upload-changed': 'two',
      'upload-dropped-app-changed': 'app',
    }
    assert.deepEqual(await files('files'), now)
    const made = (await tree(host, 'files')).find(({ path }) => path === '/app/made')
    assert.equal(made?.mode, '700')

    // The same once more: the app's own copies are measured against the release that they were made on.
    await deployShell(host, 'files', 'three', { files: two })
    assert.deepEqual(await files('files'), now)
    await host.sleep('files')
    assert.deepEqual(await files('files'), now)
  })

  test('keeps what the app made of folders, and what the upload changed in them is back', async () => {
    const upload = (says: string) => ({
      'to-file/changed': says,
      'to-file/same': 'one',
      'remade/changed': says,
      'remade/same': 'one',
      'removed/changed': says,
      'removed/same': 'one',
      'removed-same/same': 'one',
      'remade-same/same': 'one',
      'to-link/changed': says,
      'moved/deep/same': 'one',
      'nested/a/b/changed': says,
      'nested/a/b/same': 'one',
    })
    await deployShell(host, 'folders', 'one', { files: upload('one') })
    await run(
      host,
      'folders',
      `rm -r to-file; echo app > to-file
       rm -r remade; mkdir remade; echo app > remade/own
       rm -r removed removed-same
       rm -r remade-same; mkdir remade-same; echo app > remade-same/own
       rm -r to-link; ln -s remade to-link
       mv moved moved-away
       rm -r nested; mkdir -p nested/a; echo app > nested/a/own`,
    )
    await deployShell(host, 'folders', 'two', { files: { ...upload('two'), 'over/file': 'two' } })
    assert.deepEqual(await files('folders'), {
      'moved-away/': '',
      'moved-away/deep/': '',
      'moved-away/deep/same': 'one',
      'nested/': '',
      'nested/a/': '',
      'nested/a/b/': '',
      'nested/a/b/changed': 'two',
      'nested/a/own': 'app',
      'over/': '',
      'over/file': 'two',
      'remade-same/': '',
      'remade-same/own': 'app',
      'remade/': '',
      'remade/changed': 'two',
      'remade/own': 'app',
      'removed/': '',
      'removed/changed': 'two',
      'to-file/': '',
      'to-file/changed': 'two',
      'to-link/': '',
      'to-link/changed': 'two',
    })
  })

  test('puts a file where the app has a folder, and a folder where the app has a file, if the upload has them new', async () => {
    await deployShell(host, 'kinds', 'one')
    await run(host, 'kinds', 'mkdir thing; echo app > thing/own; echo app > other')
    await deployShell(host, 'kinds', 'two', { files: { thing: 'two', 'other/file': 'two' } })
    assert.deepEqual(await files('kinds'), { thing: 'two', 'other/': '', 'other/file': 'two' })
  })

  test('keeps modes, owners, times, hard links and contents of what the app wrote', async () => {
    await deployShell(host, 'exact', 'one')
    await run(
      host,
      'exact',
      `mkdir -p data/deep; head -c 500000 /dev/urandom > data/random; echo x > data/script; chmod 755 data/script
       ln data/script data/linked; ln -s nowhere data/dangling; chmod 2770 data/deep; touch -d @1400000000 data/random data/deep data`,
    )
    const before = await tree(host, 'exact', '/app/data')
    await deployShell(host, 'exact', 'two')
    assert.deepEqual(await tree(host, 'exact', '/app/data'), before)
  })

  test('keeps it as well when the app sleeps, however often', async () => {
    await deployShell(host, 'often', 'release 0')
    for (let n = 1; n <= 3; n++) {
      await run(host, 'often', `echo ${n} > file-${n}; echo ${n} > last`)
      await host.sleep('often')
      await deployShell(host, 'often', `release ${n}`)
    }
    assert.deepEqual(await files('often'), { 'file-1': '1', 'file-2': '2', 'file-3': '3', last: '3' })
    const current = (await snapshotsOf(host, 'often')).find(one => one.current)
    assert.equal(current.reason, 'carried')
  })

  test('keeps nothing when it is to start fresh, and what there was can be gone back to', async () => {
    await deployShell(host, 'fresh', 'one')
    await run(host, 'fresh', 'echo state > state')
    await deployShell(host, 'fresh', 'two', { fresh: true })
    assert.deepEqual(await files('fresh'), {})
    const [old, ...others] = await snapshotsOf(host, 'fresh')
    assert.deepEqual([old.reason, old.current, others.length], ['deploy', false, 0])
    await run(host, 'fresh', 'echo new > new')
    const answer = await host.api('POST', '/v1/apps/fresh/rollback', { snapshot: old.number })
    assert.equal(answer.status, 200, answer.body)
    assert.equal((await host.visit('fresh')).body, 'one')
    assert.deepEqual(await files('fresh'), { state: 'state' })
  })

  test('that does not become ready leaves the app with its code and all that it wrote', async () => {
    await deployShell(host, 'failing', 'one')
    await run(host, 'failing', 'echo state > state')
    const traffic = new Traffic(host, 'failing', 50)
    const answer = await host.api(
      'POST',
      '/v1/apps/failing/releases',
      await tarOf({ 'main.js': 'process.exit(4)', state: 'upload' }),
    )
    await traffic.endWell()
    assert.equal(answer.status, 422, answer.body)
    assert.equal(answer.json.code, 'release_not_ready')
    assert.equal((await host.visit('failing')).body, 'one')
    assert.deepEqual(await files('failing'), { state: 'state' })
    await hasOnlyNamedImages('failing')
  })

  test('carries what a Dockerfile’s app wrote, wherever it wrote it', async () => {
    const one = {
      config: 'one',
      'src/same': 'one',
      'src/both': 'one',
      'src/upload': 'one',
      'src/gone': 'one',
    }
    const two = {
      config: 'two',
      'src/same': 'one',
      'src/both': 'two',
      'src/upload': 'two',
      'src/gone': 'one',
    }
    await deployDockerfile('image', 'one', one)
    await run(
      host,
      'image',
      `cd /srv; echo app > src/same; echo app > src/both; echo app > src/own; rm src/gone config
       mkdir -p /var/lib/own; echo app > /var/lib/own/file; echo app > /etc/own; rm /etc/debian_version`,
    )
    await deployDockerfile('image', 'two', two)
    assert.equal((await host.visit('image')).body, 'two')
    assert.deepEqual(
      await run(
        host,
        'image',
        'cd /srv; cat src/same; cat src/both; echo; cat src/own; cat src/upload; echo; cat config; echo; ls src/gone /etc/debian_version 2>/dev/null || echo gone; cat /var/lib/own/file /etc/own',
      ),
      'app\ntwo\napp\ntwo\ntwo\ngone\napp\napp\n',
    )
  })

  test('drops it when the new release says so, and takes it up again from a snapshot', async () => {
    await deployShell(host, 'switching', 'keeps')
    await run(host, 'switching', 'echo state > state')
    await deployShell(host, 'switching', 'discards', { files: { 'dormice.json': '{ "state": "discard" }' } })
    const manifest = { 'dormice.json': '{ "state": "discard" }' }
    assert.deepEqual(await files('switching'), manifest)
    await run(host, 'switching', 'echo lost > lost')
    await host.sleep('switching')
    assert.deepEqual(await files('switching'), manifest)
    await run(host, 'switching', 'echo lost > lost')
    await deployShell(host, 'switching', 'keeps again')
    assert.deepEqual(await files('switching'), {})
    await run(host, 'switching', 'echo kept > kept')
    await host.sleep('switching')
    assert.deepEqual(await files('switching'), { kept: 'kept' })
    const [first] = await snapshotsOf(host, 'switching')
    assert.equal(
      (await host.api('POST', '/v1/apps/switching/rollback', { snapshot: first.number })).status,
      200,
    )
    assert.equal((await host.visit('switching')).body, 'keeps')
    assert.deepEqual(await files('switching'), { state: 'state' })
  })

  test('is not put into a site, which would publish it, and can be gone back to', async () => {
    await deployShell(host, 'public', 'one')
    await run(host, 'public', 'echo private > notes')
    const site = await tarOf({ 'index.html': 'a site' })
    const answer = await host.api('POST', '/v1/apps/public/releases', site)
    assert.equal(answer.status, 201, answer.body)
    assert.equal((await host.visit('public')).body, 'a site')
    assert.equal((await host.visit('public', '/notes')).status, 404)
    const [kept] = await snapshotsOf(host, 'public')
    assert.equal((await host.api('POST', '/v1/apps/public/rollback', { snapshot: kept.number })).status, 200)
    assert.deepEqual(await files('public'), { notes: 'private' })
  })

  test('holds requests for a moment, though the app wrote 10 MB since it woke', async t => {
    await deployShell(host, 'heavy', 'one')
    await run(
      host,
      'heavy',
      'mkdir data; for n in $(seq 100); do head -c 100000 /dev/urandom > data/$n; done',
    )
    const before = await tree(host, 'heavy', '/app/data')
    for (const says of ['two', 'three']) {
      const traffic = new Traffic(host, 'heavy')
      await deployShell(host, 'heavy', says)
      const { count, longest } = await traffic.endWell()
      t.diagnostic(`release ${says}: ${count} requests; the longest was held for ${longest.toFixed(0)} ms`)
      // Below 1000 where nothing else runs.
      assert.ok(longest < 15_000)
      assert.equal((await host.visit('heavy')).body, says)
      assert.deepEqual(await tree(host, 'heavy', '/app/data'), before)
      await run(host, 'heavy', 'for n in $(seq 100); do head -c 100000 /dev/urandom > data/$n; done')
      before.splice(0, before.length, ...(await tree(host, 'heavy', '/app/data')))
    }
    assert.deepEqual(carriedAhead('heavy'), [true, true])
    await hasOnlyNamedImages('heavy')
  })

  test('keeps what the app writes until the very end', async () => {
    await deployShell(host, 'writing', 'one')
    let written = 0
    let deploying = true
    const write = async () => {
      while (deploying) {
        await run(host, 'writing', `echo ${written + 1} >> log`)
        written++
      }
    }
    const writing = write()
    for (const says of ['two', 'three']) {
      // Until it is stopped: something is always written after its disk was looked at.
      await run(
        host,
        'writing',
        '(while :; do date +%N > tick; sleep 0.01; done) < /dev/null > /dev/null 2>&1 &',
      )
      await deployShell(host, 'writing', says)
    }
    deploying = false
    await writing
    const lines = (await run(host, 'writing', 'cat log')).trim().split('\n').map(Number)
    assert.deepEqual(
      lines,
      Array.from({ length: written }, (_, n) => n + 1),
    )
    assert.deepEqual(carriedAhead('writing'), [false, false])
    await hasOnlyNamedImages('writing')
  })
})
