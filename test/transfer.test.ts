import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { gunzipSync, gzipSync } from 'node:zlib'
import { extract, type Header, pack } from 'tar-stream'
import { TestHost } from './support/host.ts'
import { deployShell, run, snapshotsOf, tree } from './support/shell-app.ts'
import { tarOf } from './support/tar.ts'

type Entry = { header: { name: string; type?: Header['type']; linkname?: string }; body: Buffer }

/** Two hosts with nothing in common but the engine; the second one starts with an empty data folder. */
let from: TestHost
let to: TestHost
before(async () => {
  ;[from, to] = await Promise.all([TestHost.start(), TestHost.start({ DORMICE_IMPORT_MAX: '300m' })])
})
after(async () => {
  await from?.[Symbol.asyncDispose]()
  await to?.[Symbol.asyncDispose]()
})

async function exported(app: string): Promise<Buffer> {
  const headers = { authorization: `Bearer ${from.token}` }
  const { status, body } = await from.open('dormice', `/v1/apps/${app}/export`, { headers })
  assert.equal(status, 200)
  return Buffer.from(await body.arrayBuffer())
}

const importAs = (app: string, tar: Buffer) => to.api('POST', `/v1/apps/${app}/import`, tar)

async function unpacked(tar: Buffer): Promise<Entry[]> {
  const entries = extract()
  entries.end(tar)
  const found: Entry[] = []
  for await (const entry of entries) {
    found.push({
      header: { name: entry.header.name },
      body: Buffer.concat(await Array.fromAsync(entry as AsyncIterable<Buffer>)),
    })
  }
  return found
}

async function packed(entries: readonly Entry[]): Promise<Buffer> {
  const tar = pack()
  for (const { header, body } of entries) tar.entry({ ...header } as Header, body)
  tar.finalize()
  return Buffer.concat(await Array.fromAsync(tar as AsyncIterable<Buffer>))
}

const named = (name: string, body: Buffer | string): Entry => ({ header: { name }, body: Buffer.from(body) })

const everything = `
  mkdir -p data/deep empty; chmod 2750 data; head -c 300000 /dev/urandom > data/random; echo x > data/script; chmod 755 data/script
  ln data/script linked; ln -s data/script link; touch -d @1500000000 data/random data/deep; rm upload; echo app > config`

describe('an export', () => {
  let tar: Buffer
  let disk: unknown

  test('of an awake app becomes an app with its disk, its settings and its release, on another host', async () => {
    await deployShell(from, 'moved', 'moved', {
      files: { upload: 'one', config: 'one', 'dormice.json': '{ "sleepAfter": "9m" }' },
    })
    await run(from, 'moved', everything)
    await from.api('PUT', '/v1/apps/moved/env/API_KEY', { value: 'hunter2-planted' })
    await from.api('PUT', '/v1/apps/moved/env/OTHER', { value: 'hunter3-planted' })
    await from.api('PATCH', '/v1/apps/moved', { memory: '120m' })
    await from.api('POST', '/v1/apps/moved/restart')
    disk = await tree(from, 'moved')
    tar = await exported('moved')
    assert.equal(await from.state('moved'), 'awake')

    const answer = await importAs('moved', tar)
    assert.equal(answer.status, 201, answer.body)
    assert.deepEqual([answer.json.name, answer.json.state, answer.json.runtime], ['moved', 'asleep', 'node'])
    assert.equal(answer.json.settings.memory, 120 * 1024 * 1024)
    assert.equal(answer.json.settings.sleepAfter, 9 * 60_000)
    assert.deepEqual(await tree(to, 'moved'), disk)
    assert.equal((await to.visit('moved')).body, 'moved')
    assert.deepEqual(
      (await snapshotsOf(to, 'moved')).map(one => [one.number, one.reason, one.current]),
      [[1, 'import', true]],
    )
  })

  test('names the variables of the environment and has none of their values', async () => {
    const [description, ...layers] = await unpacked(tar)
    const { env } = JSON.parse(description?.body.toString() ?? '')
    assert.deepEqual(env, ['API_KEY', 'OTHER'])
    for (const { body } of [
      ...layers.map(({ body }) => ({ body: gunzipSync(body) })),
      description as Entry,
    ]) {
      assert.equal(body.includes('hunter2-planted') || body.includes('hunter3-planted'), false)
    }
    assert.deepEqual((await to.api('GET', '/v1/apps/moved/env')).json, { env: [] })
    assert.equal(await run(to, 'moved', 'env | grep -c KEY || true'), '0\n')
  })

  test('is an app like any other: it sleeps, is deployed with its state, rolled back and exported again', async () => {
    await run(to, 'moved', 'echo later > later')
    await to.sleep('moved')
    // Unchanged by this upload, so what the app made of it stays.
    await deployShell(to, 'moved', 'new code', { files: { upload: 'one', config: 'one' } })
    assert.equal((await to.visit('moved')).body, 'new code')
    assert.equal(
      await run(to, 'moved', 'cat later config; ls upload 2>/dev/null || echo gone'),
      'later\napp\ngone\n',
    )
    const answer = await to.api('POST', '/v1/apps/moved/rollback', { snapshot: 1 })
    assert.equal(answer.status, 200, answer.body)
    assert.deepEqual(await tree(to, 'moved'), disk)
    assert.equal((await to.visit('moved')).body, 'moved')
  })

  test('of a sleeping app can be imported under another name, and without a state', async () => {
    await deployShell(from, 'slept', 'slept')
    await from.sleep('slept')
    const blank = await exported('slept')
    await run(from, 'slept', everything.replace('rm upload;', ''))
    const slept = await tree(from, 'slept')
    await from.sleep('slept')
    const full = await exported('slept')
    assert.equal(await from.state('slept'), 'asleep')
    assert.equal((await importAs('renamed', full)).status, 201)
    assert.equal((await importAs('blank', blank)).status, 201)
    assert.deepEqual(await tree(to, 'renamed'), slept)
    assert.equal((await to.visit('blank')).body, 'slept')
    assert.deepEqual(await snapshotsOf(to, 'blank'), [])
  })

  test('is not imported under a name that is taken or wrong', async () => {
    for (const [name, status, code] of [
      ['moved', 409, 'app_exists'],
      ['dormice', 400, 'invalid_app_name'],
    ] as const) {
      const answer = await importAs(name, tar)
      assert.deepEqual([answer.status, answer.json.code], [status, code], answer.body)
    }
    assert.deepEqual(await tree(to, 'moved'), disk)
  })
})

describe('what is no export', () => {
  /** A whole one, small: its only layer has one file. The engine takes it. */
  let small: { description: any; layer: Buffer; entries: Entry[] }

  const layerName = (tar: Buffer) => createHash('sha256').update(tar).digest('hex')
  const entriesOf = (description: unknown, ...layers: Buffer[]): Entry[] => [
    named('app.json', JSON.stringify(description)),
    ...layers.map(layer => named(`layers/${layerName(layer)}.tar.gz`, gzipSync(layer))),
  ]

  /** The header of an entry of a tar that says it has so many bytes. */
  async function beginningOf(name: string, size: number): Promise<Buffer> {
    const header = (await packed([named(name, '')])).subarray(0, 512)
    header.write(size.toString(8).padStart(11, '0'), 124)
    header.write(' '.repeat(8), 148)
    const sum = header.reduce((sum, byte) => sum + byte, 0)
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
    return header
  }

  /** All that a failed import could leave. */
  async function left() {
    const { apps } = (await to.api('GET', '/v1/apps')).json
    const files = readdirSync(to.data, { recursive: true, encoding: 'utf8' })
      // What the engine was sent before is remembered in one file; the database's own come and go.
      .filter(path => !/^(pushed\.json.*|dormice\.db.*)$/.test(path))
      .sort()
    return { images: (await to.images()).length, files, apps: apps.map((app: { name: string }) => app.name) }
  }

  before(async () => {
    const layer = await tarOf({ 'app/file': 'one' })
    const [{ body }] = (await unpacked(await firstEntryOf())) as [Entry]
    const real = JSON.parse(body.toString())
    const image = { config: real.release.image.config, layers: [`sha256:${layerName(layer)}`] }
    const description = { ...real, release: { ...real.release, image }, state: null }
    small = { description, layer, entries: entriesOf(description, layer) }
  })

  async function firstEntryOf(): Promise<Buffer> {
    await deployShell(from, 'sample', 'sample')
    return exported('sample')
  }

  /** Layers that nothing names may go meanwhile, whoever had brought them. */
  async function assertNothingNew(before: Awaited<ReturnType<typeof left>>): Promise<void> {
    const { apps, images, files } = await left()
    const more = files.filter(path => !before.files.includes(path))
    assert.deepEqual({ apps, images, more }, { apps: before.apps, images: before.images, more: [] })
  }

  /** Resolves once a layer is not in the data folder; looks for at most 10 s. */
  async function untilGone(layer: Buffer): Promise<void> {
    const deadline = Date.now() + 10_000
    while (readdirSync(join(to.data, 'layers')).some(name => name.startsWith(layerName(layer)))) {
      assert.ok(Date.now() < deadline, 'it is still there')
      await sleep(20)
    }
  }

  async function refused(app: string, tar: Buffer): Promise<string> {
    const answer = await importAs(app, tar)
    assert.deepEqual([answer.status, answer.json?.code], [422, 'bad_export'], `${app}: ${answer.body}`)
    assert.match(
      answer.json.detail,
      /^this is no export of an app: .+; accepted is what "dormice export" wrote$/,
    )
    return answer.json.detail
  }

  test('is refused, and leaves no app, no image, no layer and no file', async t => {
    const { description, layer, entries } = small
    const whole = await packed(entries)
    const [json, only] = entries as [Entry, Entry]
    const change = (change: (description: any) => void, ...layers: Buffer[]) => {
      const changed = structuredClone(description)
      change(changed)
      return packed(entriesOf(changed, ...(layers.length > 0 ? layers : [layer])))
    }
    const escaping = await packed([named('../../escape', 'x')])
    const unrelated = await tarOf({ other: 'two' })
    const bad: Record<string, Buffer | Promise<Buffer>> = {
      empty: Buffer.alloc(0),
      zeroes: Buffer.alloc(4096),
      random: randomBytes(50_000),
      text: Buffer.from('an export, trust me\n'.repeat(100)),
      zipped: gzipSync(whole),
      'cut-in-header': whole.subarray(0, 300),
      'cut-in-json': whole.subarray(0, 700),
      'cut-before-layer': packed([json]),
      'cut-in-layer': whole.subarray(0, whole.indexOf(only.header.name) + 512 + 20),
      upload: tarOf({ 'main.js': 'export default {}' }),
      'json-later': packed([only, json]),
      'json-twice': packed([json, json, only]),
      'json-folder': packed([
        { header: { name: 'app.json', type: 'directory' }, body: Buffer.alloc(0) },
        only,
      ]),
      'json-link': packed([
        { header: { name: 'app.json', type: 'symlink', linkname: '/etc/passwd' }, body: Buffer.alloc(0) },
        only,
      ]),
      'json-none': packed([named('app.json', '{ not json'), only]),
      'json-null': packed([named('app.json', 'null'), only]),
      'other-format': change(it => {
        it.format = 2
      }),
      'unknown-key': change(it => {
        it.release.spec.privileged = true
      }),
      'no-command': change(it => {
        it.release.spec.command = []
      }),
      'no-limit': change(it => {
        it.settings = { memory: 0 }
      }),
      'no-processes': change(it => {
        it.release.spec.settings = { pids: 0 }
      }),
      'config-none': change(it => {
        it.release.image.config = 'no json'
      }),
      'config-list': change(it => {
        it.release.image.config = '[]'
      }),
      'config-types': change(it => {
        it.release.image.config = '{"architecture":"amd64","os":"linux","config":{"Env":5,"Cmd":{"a":1}}}'
      }),
      'too-many-layers': change(it => {
        it.release.image.layers = Array.from({ length: 128 }, () => it.release.image.layers[0])
      }),
      'layer-elsewhere': change(it => {
        it.release.image.layers = ['../../../etc/passwd']
      }),
      'layer-missing': packed([json]),
      'layer-other': packed([json, { header: only.header, body: gzipSync(unrelated) }]),
      'layer-no-gzip': packed([json, { header: only.header, body: randomBytes(1000) }]),
      'layer-cut': packed([json, { header: only.header, body: only.body.subarray(0, -20) }]),
      'layer-escapes': change(it => {
        it.release.image.layers = [`sha256:${layerName(escaping)}`]
      }, escaping),
      'layer-no-tar': change(
        it => {
          it.release.image.layers = [`sha256:${layerName(Buffer.alloc(2000, 1))}`]
        },
        Buffer.alloc(2000, 1),
      ),
      'layer-link': packed([
        json,
        { header: { ...only.header, type: 'symlink', linkname: '/etc/passwd' }, body: Buffer.alloc(0) },
      ]),
      'entry-unknown': packed([...entries, named('more', 'x')]),
      'entry-escapes': packed([json, named('../../escape', 'x'), only]),
      'state-elsewhere': change(
        it => {
          it.state = {
            createdAt: 1,
            image: { config: it.release.image.config, layers: [`sha256:${layerName(unrelated)}`] },
          }
        },
        layer,
        unrelated,
      ),
    }
    for (const [app, tar] of Object.entries(bad)) {
      await t.test(app, async () => {
        const before = await left()
        await refused(app, await tar)
        await assertNothingNew(before)
      })
    }
  })

  test('would be one but for that', async () => {
    const answer = await importAs('small', await packed(small.entries))
    assert.equal(answer.status, 201, answer.body)
    assert.equal((await to.api('DELETE', '/v1/apps/small')).status, 204)
    await untilGone(small.layer)
  })

  test('is not taken beyond what the host takes', async () => {
    const [json] = small.entries as [Entry]
    const start = (await packed([json])).subarray(0, -1024)
    const layer = await beginningOf(`layers/${'0'.repeat(64)}.tar.gz`, 2 ** 32)
    const file = await beginningOf('big', 2 ** 31)
    const endless = async function* () {
      const described = Buffer.from(
        start.toString('latin1').replace(layerName(small.layer), '0'.repeat(64)),
        'latin1',
      )
      yield Buffer.concat([described, layer, file])
      while (true) yield Buffer.alloc(1024 * 1024)
    }
    const before = await left()
    const answer = await to.api('POST', '/v1/apps/endless/import', Readable.from(endless()))
    assert.deepEqual([answer.status, answer.json.code], [413, 'export_too_large'], answer.body)
    await assertNothingNew(before)
  })

  test('because its client left before its end, leaves nothing either', async () => {
    const whole = await packed(small.entries)
    const before = await left()
    const gone = new AbortController()
    const half = async function* () {
      yield whole.subarray(0, -600)
      setTimeout(() => gone.abort(), 200)
      await new Promise(() => undefined)
    }
    const headers = { authorization: `Bearer ${to.token}` }
    const body = Readable.from(half())
    await assert.rejects(
      to.open('dormice', '/v1/apps/gone/import', { method: 'POST', headers, body, signal: gone.signal }),
    )
    // The name is free again once the host has cleared up.
    let answer = await importAs('gone', await packed(small.entries))
    while (answer.json.code === 'app_busy') answer = await importAs('gone', await packed(small.entries))
    assert.equal(answer.status, 201, answer.body)
    assert.equal((await to.api('DELETE', '/v1/apps/gone')).status, 204)
    await untilGone(small.layer)
    await assertNothingNew(before)
  })
})
