import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { TestHost } from './support/host.ts'
import { deployShell, run, snapshotsOf, tree } from './support/shell-app.ts'
import { Traffic } from './support/traffic.ts'

/** State layers at which they are merged. */
const depth = 3

/** What the app does before each of its sleeps. */
const sleeps = [
  'mkdir -p d/deep e; for n in 1 2 3 4; do echo one > d/$n; done; echo x > d/deep/x; ln d/1 hard; ln -s d/2 soft',
  'rm d/1; echo changed > d/2; chmod 600 d/3; mv d/4 d/moved; touch -d @1400000000 d/deep/x',
  'rm -r e; mkdir e; echo new > e/new; ln hard harder; mv d/deep d/deeper; head -c 50000 /dev/urandom > random',
  'rm -r d; mkdir d; echo again > d/2; chmod 2770 d; rm soft; echo a file > soft',
  'mkdir -p a/b/c/d; echo deep > a/b/c/d/e; printf x > "a/with blank"; echo grown >> hard; rm random',
  'mv a renamed; ln renamed/b/c/d/e linked; rm -r e; echo a file > e; chmod 755 soft; touch -d @1 renamed',
  'cp main.js main.js.bak; echo >> package.json; mkdir empty',
  'rmdir empty; echo a file > empty; rm hard; mkdir -p renamed/b/more; touch -d @1500000000 renamed/b',
  'touch -d @1 package.json; rm empty; mkdir empty; chmod 711 empty; rm e; ln -s nowhere e',
  'rm -r renamed/b; mkdir renamed/b; echo other > renamed/b/other; head -c 3000 /dev/urandom > random',
  'mv random renamed/b/random; mv renamed a; ln harder a/harder; rm linked',
  'echo end > end; rm -r d; truncate -s 100000 sparse',
]

describe('an app that sleeps again and again', () => {
  let host: TestHost
  before(async () => {
    host = await TestHost.start({ DORMICE_COMPACT_DEPTH: String(depth) })
  })
  after(() => host[Symbol.asyncDispose]())

  const events = (app: string, event: string) =>
    host.log.filter(one => one['event'] === event && one['app'] === app)

  /** Layers of an app's state, as it is now. */
  async function stateLayers(app: string): Promise<number> {
    const layers = async (image: string) => (await host.inspectImage(image)).RootFS.Layers?.length ?? 0
    const { release } = (await host.api('GET', `/v1/apps/${app}`)).json
    const current = (await snapshotsOf(host, app)).find(one => one.current)
    return (await layers(current.image)) - (await layers(`dormice-${host.id}/${app}:r${release}`))
  }

  /** Resolves once there were so many compactions of the app; looks for at most a minute. */
  async function untilCompacted(app: string, times: number): Promise<void> {
    const deadline = Date.now() + 60_000
    while (events(app, 'compacted').length < times) {
      assert.ok(Date.now() < deadline, JSON.stringify(host.log.slice(-5)))
      await sleep(20)
    }
  }

  /**
   * Everything that a disk has, one text each. The system's files too: no layer may change what it has not. Without
   * what the engine itself touches when it makes a container.
   */
  async function disk(app: string): Promise<Set<string>> {
    const paths = (await tree(host, app, '/')).filter(
      ({ path }) => path !== '/.dockerenv' && path !== '/etc/mtab',
    )
    return new Set(
      paths.map(one => JSON.stringify(one.path === '/' || one.path === '/etc' ? { ...one, mtime: 0 } : one)),
    )
  }

  function assertSame(now: ReadonlySet<string>, then: ReadonlySet<string> | undefined, when: string): void {
    const more = [...now].filter(one => !then?.has(one))
    const less = [...(then ?? [])].filter(one => !now.has(one))
    assert.deepEqual({ more, less }, { more: [], less: [] }, when)
  }

  test('has few layers, its disk is the same in every way, and every earlier one can be gone back to', async () => {
    await deployShell(host, 'busy', 'busy')
    const disks: Set<string>[] = []
    for (const [n, script] of sleeps.entries()) {
      await run(host, 'busy', script)
      disks.push(await disk('busy'))
      await host.sleep('busy')
      if ((n + 1) % depth === 0) await untilCompacted('busy', events('busy', 'compacted').length + 1)
      assertSame(await disk('busy'), disks[n], `after sleep ${n + 1}`)
    }
    await host.sleep('busy')
    assert.ok((await stateLayers('busy')) < depth * 2)
    assert.deepEqual(events('busy', 'compaction_refused'), [])
    assert.ok(events('busy', 'compacted').length >= 3)

    const kept = await snapshotsOf(host, 'busy')
    assert.equal(kept.length, 10)
    for (const { number } of kept.filter((_, n) => n % 3 === 0)) {
      const answer = await host.api('POST', '/v1/apps/busy/rollback', { snapshot: number })
      assert.equal(answer.status, 200, answer.body)
      assertSame(await disk('busy'), disks[number - 1], `snapshot ${number}`)
    }
  })

  test('is not held up nor harmed by a wake while its layers are merged', async t => {
    await deployShell(host, 'woken', 'woken')
    await run(host, 'woken', 'for n in $(seq 300); do head -c 10000 /dev/urandom > $n; done')
    let longest = 0
    for (let n = 1; n <= 6; n++) {
      await run(host, 'woken', `head -c 2000000 /dev/urandom > big; echo ${n} >> lines; rm ${n}`)
      await host.sleep('woken')
      const before = performance.now()
      const lines = await run(host, 'woken', 'cat lines; ls | wc -l')
      longest = Math.max(longest, performance.now() - before)
      assert.equal(lines, `${Array.from({ length: n }, (_, m) => `${m + 1}\n`).join('')}${304 - n}\n`)
    }
    t.diagnostic(`the longest wake took ${longest.toFixed(0)} ms`)
    await host.sleep('woken')
    assert.ok((await stateLayers('woken')) <= depth * 2)
    assert.deepEqual(events('woken', 'compaction_refused'), [])
    assert.deepEqual(events('woken', 'upkeep_failed'), [])
  })

  test('goes on sleeping, waking and being deployed while requests come', async () => {
    await deployShell(host, 'traffic', 'traffic')
    const traffic = new Traffic(host, 'traffic', 100)
    for (let n = 1; n <= 7; n++) {
      await run(
        host,
        'traffic',
        `echo ${n} >> lines; mkdir -p dir-${n}; rmdir dir-${n - 1} 2>/dev/null || true`,
      )
      // Requests that arrive before it has stopped keep it awake.
      await host.api('POST', '/v1/apps/traffic/sleep')
      if (n === 4) await deployShell(host, 'traffic', 'deployed')
    }
    await traffic.endWell()
    assert.equal(await run(host, 'traffic', 'cat lines; echo dir-*'), '1\n2\n3\n4\n5\n6\n7\ndir-7\n')
    assert.deepEqual(events('traffic', 'upkeep_failed'), [])
  })

  test('leaves no image and no layer behind that nothing names', async () => {
    const { apps } = (await host.api('GET', '/v1/apps')).json
    const named: string[] = []
    for (const { name } of apps) {
      await host.sleep(name)
      const { releases } = (await host.api('GET', `/v1/apps/${name}/releases`)).json
      named.push(...releases.map(({ number }: { number: number }) => `dormice-${host.id}/${name}:r${number}`))
    }
    const extra = async () => {
      const all = await Promise.all(apps.map(({ name }: { name: string }) => snapshotsOf(host, name)))
      const known = new Set([...named, ...all.flat().map(({ image }) => image)])
      return (await host.images()).flatMap(({ RepoTags }) => RepoTags ?? []).filter(tag => !known.has(tag))
    }
    // What was asleep last may still be merged.
    const deadline = Date.now() + 60_000
    while ((await extra()).length > 0) {
      assert.ok(Date.now() < deadline, `left are ${await extra()}`)
      await sleep(50)
    }
  })

  test('of which much was overwritten takes little room, however few its layers', async () => {
    await deployShell(host, 'wasteful', 'wasteful')
    // A release of its own size is not counted, nor is what is little.
    for (let n = 0; n < 2; n++) {
      await run(host, 'wasteful', 'head -c 20000000 /dev/urandom > same')
      await host.sleep('wasteful')
    }
    await run(host, 'wasteful', 'rm same; echo little > little')
    await host.sleep('wasteful')
    await untilCompacted('wasteful', 1)
    const current = (await snapshotsOf(host, 'wasteful')).find(one => one.current)
    assert.ok(current.bytes < 1_000_000, `${current.bytes} bytes`)
    assert.equal(
      await run(host, 'wasteful', 'cat little; ls same 2>/dev/null || echo gone'),
      'little\ngone\n',
    )
  })
})
