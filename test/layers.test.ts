import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, describe, test } from 'node:test'
import Docker from 'dockerode'
import { DockerEngine } from '../src/engine/docker/docker-engine.ts'
import type { DiffId, ImageManifest, Labels } from '../src/engine/engine.ts'
import { BaseIndex } from '../src/layers/base-index.ts'
import { carry } from '../src/layers/carry.ts'
import { changesOf } from '../src/layers/changes.ts'
import { checkUnion, UnionDiffers } from '../src/layers/check.ts'
import { Lister } from '../src/layers/contents.ts'
import { LayerStore } from '../src/layers/layer-store.ts'
import type { Listing } from '../src/layers/listing.ts'
import { merge } from '../src/layers/merge.ts'
import { file, folder, link, sample, tarOf } from '../src/layers/sample-layers.ts'
import { removeAllOf } from './support/cleanup.ts'

/** What the release has. */
const RELEASE = `
mkdir -p /t/keep /t/again /t/emptied /t/deep/a/b /t/to-file /t/gone /t/mode /t/usual
for d in keep again emptied deep/a/b to-file gone mode usual; do echo release > /t/$d/old; echo release > /t/$d/other; done
echo release > /t/to-folder; echo release > /t/to-symlink; echo release > /t/rewritten; echo release > /t/chmod-only
ln /t/keep/old /t/keep/linked
find /t -exec touch -h -d @1600000000 {} +`

/** What the app did, one sleep each. */
const SLEEPS = [
  `rm -rf /t/again && mkdir /t/again && echo new > /t/again/new
   rm /t/emptied/old /t/emptied/other
   rm -rf /t/to-file && echo now-a-file > /t/to-file
   rm /t/to-folder && mkdir /t/to-folder && echo in > /t/to-folder/in
   rm -rf /t/gone
   chmod 4711 /t/chmod-only; chmod 1777 /t/mode; chown 1234:5678 /t/mode/old
   echo one > /t/first; ln /t/first /t/second; ln /t/first /t/third
   ln -s first /t/sym; ln /t/sym /t/sym2; rm /t/to-symlink; ln -s /nowhere /t/to-symlink
   mkfifo /t/pipe; mknod /t/null c 1 3
   truncate -s 3000000 /t/sparse; echo tail >> /t/sparse
   printf x > "/t/$(printf 'latin1-\\351')"; mkdir "/t/$(printf 'utf8-\\303\\251')"; printf y > "/t/$(printf 'utf8-\\303\\251/\\342\\230\\203')"
   n=$(printf '%0120d' 7); mkdir -p /t/$n/$n; echo long > /t/$n/$n/$n
   mkdir /t/.hidden; touch -d @0 /t/.hidden/epoch; touch -d @5000000000 /t/.hidden/far`,
  `rm -rf /t/again && mkdir /t/again && echo newer > /t/again/newer
   rm /t/first; echo separate > /t/third
   rm /t/to-file && mkdir /t/to-file && echo back > /t/to-file/back
   rm -rf /t/to-folder && echo file-again > /t/to-folder
   mkdir /t/gone && echo reborn > /t/gone/reborn
   rm -rf /t/deep/a && mkdir -p /t/deep/a/b && echo fresh > /t/deep/a/b/fresh
   echo mine > /t/made; chmod 600 /t/made
   setcap cap_setfcap=ep /t/made; rm /t/keep/old`,
  `echo 2 > /t/pipe2; rm /t/pipe2; echo rewritten > /t/rewritten; touch -d @1600000000 /t/rewritten
   ln /t/made /t/made2; mv /t/usual /t/moved
   chmod 2755 /t/deep; chown -h 1:2 /t/sym
   rm -rf /t/mode; mkdir -p /t/mode/inside`,
  `mkdir /t/late && echo late > /t/late/file && rm -rf /t/.hidden && rm /t/made`,
]

/** What the engine puts into every container anew, and the folders that this touches. */
const ENGINES_OWN = /^(\.dockerenv|(dev|proc|sys)(\/.*)?|etc(\/(hosts|hostname|resolv\.conf|mtab))?)$/

const docker = new Docker()

describe('layers that a real engine made', () => {
  const host = `layers-test-${randomUUID()}`
  const dir = mkdtempSync(join(tmpdir(), 'dormice-layers-'))
  const store = new LayerStore(join(dir, 'layers'))
  const engine = new DockerEngine(host)
  const labels: Labels = { host, role: 'snapshot', app: 'layers', generation: 1, release: 1 }
  /** Of the release, and of the app after all of its sleeps. */
  let release: ImageManifest
  let last: ImageManifest
  let lastImage: string
  let base: BaseIndex

  /** Runs a script as root in an image and makes an image of what it left. */
  async function afterRunning(image: string, script: string): Promise<string> {
    const Cmd = ['/bin/sh', '-ec', script]
    const Labels = { 'dormice.host': host }
    const options = {
      Image: image,
      Entrypoint: [],
      Cmd,
      User: '0',
      Labels,
      HostConfig: { NetworkMode: 'none' },
    }
    const container = await docker.createContainer(options)
    await container.start()
    const { StatusCode } = await container.wait()
    assert.equal(StatusCode, 0, `${await container.logs({ stdout: true, stderr: true })}`)
    const committed = await container.commit({ changes: `LABEL dormice.host=${host}` })
    await container.remove()
    return committed.Id
  }

  before(async () => {
    const releaseImage = await afterRunning('dormice/runtime-static:latest', RELEASE)
    lastImage = releaseImage
    for (const script of SLEEPS) lastImage = await afterRunning(lastImage, script)
    release = await engine.manifest(releaseImage)
    last = await engine.copyLayers(lastImage, store)
    base = await BaseIndex.of(await listings(release.layers))
  })

  after(async () => {
    await engine[Symbol.asyncDispose]()
    await removeAllOf(host)
    rmSync(dir, { recursive: true })
  })

  const listings = (ids: readonly DiffId[]) => Promise.all(ids.map(id => store.listing(id)))
  const stateLayers = () => last.layers.slice(release.layers.length)
  const stateReaders = () => stateLayers().map(id => store.reader(id))

  /** What the engine shows of an image's disk. */
  async function shown(image: string): Promise<Listing> {
    const container = await docker.createContainer({
      Image: image,
      Cmd: ['true'],
      Labels: { 'dormice.host': host },
    })
    const lister = new Lister()
    const exported = Readable.from(await container.export()) as AsyncIterable<Buffer>
    for await (const chunk of exported) lister.push(chunk)
    await container.remove()
    return lister.finish().filter(({ path }) => !ENGINES_OWN.test(path))
  }

  async function assembled(state: DiffId, tag: string): Promise<string> {
    const manifest = { config: release.config, layers: [...release.layers, state] }
    return (await engine.assemble(manifest, { tag: `${host}:${tag}`, labels }, store)).id
  }

  test('four sleeps merged into one layer show on the engine what the four showed', async () => {
    assert.equal(stateLayers().length, SLEEPS.length)
    const merged = await store.add(merge(stateReaders(), base))
    await checkUnion(base, await listings(stateLayers()), [await store.listing(merged)])
    const before = await shown(lastImage)
    const at = (path: string) => before.find(entry => entry.path === path)
    assert.equal(at('t/made2')?.xattrs?.['security.capability']?.charCodeAt(7), 0x80)
    assert.equal(at('t/sparse')?.size, 3_000_005)
    for (const path of ['t/latin1-\udce9', 't/utf8-é/☃', 't/pipe', 't/null', 't/deep/a/b/fresh'])
      assert.ok(at(path), path)
    const image = await assembled(merged, 'merged')
    await checkUnion(await BaseIndex.of([]), [before], [await shown(image)])
  })

  test('the same layers give the same bytes', async () => {
    assert.equal(await store.add(merge(stateReaders(), base)), await store.add(merge(stateReaders(), base)))
  })

  test('without any one entry of the merged layer that something is seen of, the check fails', async () => {
    const merged = await store.listing(await store.add(merge(stateReaders(), base)))
    const before = await listings(stateLayers())
    for (const entry of merged) {
      const others = merged.filter(other => other !== entry)
      // Only folders may be the same without: those that the release has just so.
      const isSame = entry.type === 'directory' && base.get(entry.path)?.mtime === entry.mtime
      if (others.some(({ type, linkname }) => type === 'link' && linkname === entry.path) || isSame) continue
      await assert.rejects(
        checkUnion(base, before, [others]),
        UnionDiffers,
        `without ${entry.type} ${entry.path}`,
      )
    }
  })

  test('carried to another release, its winners are seen on the engine and the rest is what the app left', async () => {
    const winners = new Set(['t/gone/old', 't/again/other', 't/rewritten', 't/deep/a/b/old', 't/to-folder'])
    const carried = await store.add(carry(stateReaders(), base, winners))
    await checkUnion(base, await listings(stateLayers()), [await store.listing(carried)], winners)
    const now = new Map((await shown(await assembled(carried, 'carried'))).map(entry => [entry.path, entry]))
    for (const winner of winners) assert.equal(now.get(winner)?.sha256, base.get(winner)?.sha256, winner)
    const seen = (path: string) => [...now.keys()].filter(other => other.startsWith(`${path}/`)).sort()
    assert.deepEqual(seen('t/gone'), ['t/gone/old', 't/gone/reborn'])
    assert.deepEqual(seen('t/again'), ['t/again/newer', 't/again/other'])
    assert.deepEqual(seen('t/deep/a/b'), ['t/deep/a/b/fresh', 't/deep/a/b/old'])
  })

  test('a layer of a stranger is read as the engine unpacks it', async () => {
    const strange = [
      folder('s'),
      folder('s/real'),
      sample('symlink', 's/to', { linkname: 'real', mode: 0o777 }),
      sample('symlink', 's/out', { linkname: '../../../../s/real', mode: 0o777 }),
      sample('symlink', 's/abs', { linkname: '/s/real', mode: 0o777 }),
      file('s/to/one', '1'),
      file('s/out/two', '2'),
      file('s/abs/three', '3'),
      link('s/out/linked', 's/to/one'),
      file("s/new\nline \\ and 'quote'", 'x'),
      file('s/\u001b[2J', 'x'),
      // What overlayfs itself writes for what is gone.
      sample('character', 't/rewritten', { device: { major: 0, minor: 0 } }),
    ]
    const id = await store.add(Readable.from([tarOf(strange)], { objectMode: false }))
    const listing = await store.listing(id)
    const found = await shown(await assembled(id, 'strange'))
    const inS = (list: Listing) => list.filter(({ path }) => path === 's' || path.startsWith('s/'))
    await checkUnion(await BaseIndex.of([]), [inS(found)], [inS(listing)])
    assert.equal(
      found.find(({ path }) => path === 't/rewritten'),
      undefined,
    )
    const known = await BaseIndex.of([...(await listings(release.layers)), listing])
    assert.equal(known.get('t/rewritten'), undefined)
  })

  test('the changes of a sleep are those that its script made', async () => {
    const [first] = stateLayers() as [DiffId]
    const paths = (await changesOf(await store.listing(first), base))
      .filter(({ path }) => /^\/t\/(again|emptied|gone|to-|chmod|mode|sym|pipe|keep)/.test(path))
      .map(({ path, kind }) => `${kind} ${path}`)
    assert.deepEqual(paths, [
      'added /t/again/new',
      'deleted /t/again/old',
      'deleted /t/again/other',
      'changed /t/chmod-only',
      'deleted /t/emptied/old',
      'deleted /t/emptied/other',
      'deleted /t/gone',
      'changed /t/mode',
      'changed /t/mode/old',
      'added /t/pipe',
      'added /t/sym',
      'added /t/sym2',
      'changed /t/to-file',
      'changed /t/to-folder',
      'added /t/to-folder/in',
      'changed /t/to-symlink',
    ])
  })
})
