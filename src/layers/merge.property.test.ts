import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BaseIndex } from './base-index.ts'
import { carry, isTouched } from './carry.ts'
import { changesOf } from './changes.ts'
import { checkUnion, UnionDiffers } from './check.ts'
import type { Listing } from './listing.ts'
import { merge } from './merge.ts'
import { ModelDisk } from './model-disk.ts'
import { randomLayer, randomPath, randomStack } from './random-layers.ts'
import { bytesIn, layerOf, layerOfTar, type Sample } from './sample-layers.ts'

const RUNS = { numRuns: 1000 }

const indexOf = (base: readonly Sample[][]) => BaseIndex.of(base.map(layer => layerOf(layer).list))

async function merged(base: readonly Sample[][], layers: readonly Sample[][]): Promise<Listing> {
  return layerOfTar(await bytesIn(merge(layers.map(layerOf), await indexOf(base)))).list
}

/** What is seen with the layers on the base. */
const seen = (base: readonly Sample[][], layers: readonly Listing[]) =>
  ModelDisk.of([...base, ...layers]).dump()

async function accepts(base: BaseIndex, before: readonly Listing[], after: Listing): Promise<boolean> {
  try {
    await checkUnion(base, before, [after])
    return true
  } catch (error) {
    if (error instanceof UnionDiffers) return false
    throw error
  }
}

test('any layers merged into one show what they showed, and the check agrees', async () => {
  await fc.assert(
    fc.asyncProperty(randomStack, async ({ base, layers }) => {
      const result = await merged(base, layers)
      assert.deepEqual(seen(base, [result]), seen(base, layers))
      await checkUnion(await indexOf(base), layers, [result])
    }),
    RUNS,
  )
})

test('a merged layer hides nothing in vain, and merging it again changes nothing', async () => {
  await fc.assert(
    fc.asyncProperty(randomStack, async ({ base, layers }) => {
      const tar = await bytesIn(merge(layers.map(layerOf), await indexOf(base)))
      const { list } = layerOfTar(tar)
      const wanted = seen(base, layers)
      for (const marker of list.filter(({ type }) => type === 'whiteout')) {
        assert.notDeepEqual(seen(base, [list.filter(entry => entry !== marker)]), wanted, marker.path)
      }
      assert.deepEqual(await bytesIn(merge([layerOfTar(tar)], await indexOf(base))), tar)
    }),
    RUNS,
  )
})

/** One change of a listing that may or may not matter. */
const mutation = fc.record({
  at: fc.nat(),
  kind: fc.constantFrom(
    'drop',
    'mode',
    'uid',
    'mtime',
    'sha256',
    'linkname',
    'device',
    'xattrs',
    'path',
    'copy',
  ),
  path: randomPath,
})
type Mutation = typeof mutation extends fc.Arbitrary<infer T> ? T : never

function mutated(list: Listing, { at, kind, path }: Mutation): Listing {
  const index = at % list.length
  return list.flatMap((entry, i): Listing => {
    if (i !== index) return [entry]
    if (kind === 'drop') return []
    if (kind === 'copy') return [entry, { ...entry, path }]
    if (kind === 'path') return [{ ...entry, path }]
    if (kind === 'mode' || kind === 'uid' || kind === 'mtime') return [{ ...entry, [kind]: entry[kind] + 1 }]
    if (kind === 'sha256') return [entry.type === 'file' ? { ...entry, sha256: 'other' } : entry]
    if (kind === 'linkname') return [entry.type === 'symlink' ? { ...entry, linkname: 'other' } : entry]
    if (kind === 'device') return [entry.device ? { ...entry, device: { major: 9, minor: 9 } } : entry]
    return [entry.type === 'file' ? { ...entry, xattrs: { 'user.y': '1' } } : entry]
  })
}

/** Links still name something, and nothing is in something that is no folder: what no tar of ours could have. */
function isSound(list: Listing): boolean {
  const before = new Set<string>()
  const leaves = new Set(list.filter(({ type }) => !FOLDERISH.has(type)).map(({ path }) => path))
  const paths = new Set<string>()
  return list.every(({ path, type, linkname }) => {
    const isInLeaf = [...leaves].some(leaf => path.startsWith(`${leaf}/`) && type !== 'whiteout')
    if (FOLDERISH.has(type) && type !== 'directory') return true
    if (isInLeaf || paths.has(path) || (type === 'link' && !before.has(linkname))) return false
    paths.add(path)
    if (type !== 'directory') before.add(path)
    return true
  })
}
const FOLDERISH = new Set<string>(['directory', 'whiteout', 'opaque'])

test('the check rejects a mutated result exactly when something else is to be seen', async () => {
  const outcomes = { accepted: 0, rejected: 0 }
  await fc.assert(
    fc.asyncProperty(randomStack, mutation, async ({ base, layers }, change) => {
      const result = await merged(base, layers)
      fc.pre(result.length > 0)
      const other = mutated(result, change)
      fc.pre(isSound(other))
      const isSame = isEqual(seen(base, [other]), seen(base, layers))
      assert.equal(await accepts(await indexOf(base), layers, other), isSame)
      outcomes[isSame ? 'accepted' : 'rejected']++
    }),
    { numRuns: 1500 },
  )
  assert.ok(outcomes.rejected > 400 && outcomes.accepted > 100, JSON.stringify(outcomes))
})

function isEqual(a: Map<string, string>, b: Map<string, string>): boolean {
  return a.size === b.size && [...a].every(([path, text]) => b.get(path) === text)
}

test('layers carried to another base show that base at each winner and what they showed at all else', async () => {
  const winners = fc.array(randomPath, { maxLength: 3 })
  await fc.assert(
    fc.asyncProperty(randomStack, winners, async ({ base, layers }, paths) => {
      const below = ModelDisk.of(base)
      const won = new Set(paths.filter(path => below.has(path)))
      const index = await indexOf(base)
      const result = layerOfTar(await bytesIn(carry(layers.map(layerOf), index, won))).list
      const wanted = below.fork()
      for (const layer of layers) wanted.apply(layer)
      for (const winner of won) wanted.show(winner, below)
      assert.deepEqual(seen(base, [result]), wanted.dump())
      await checkUnion(index, layers, [result], won)
      // What the winners do not touch needs no carrying.
      if (!(await isTouched(layers, won))) assert.deepEqual(seen(base, layers), wanted.dump())
    }),
    RUNS,
  )
})

test('the changes of a layer are what was not seen before, is seen no more, or is seen otherwise', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(randomLayer, { maxLength: 3 }), randomLayer, async (base, layer) => {
      const [was, is] = [seen(base, []), seen(base, [layer])]
      const changes = await changesOf(layer, await indexOf(base))
      const byPath = new Map(changes.map(({ path, kind }) => [path, kind]))
      assert.equal(byPath.size, changes.length)
      assert.deepEqual(
        changes.map(({ path }) => path),
        [...byPath.keys()].sort(),
      )
      for (const path of new Set([...was.keys(), ...is.keys()])) {
        assert.equal(byPath.get(`/${path}`.toWellFormed()), kindOf(path, was, is), path)
      }
    }),
    RUNS,
  )
})

type Seen = ReadonlyMap<string, string>

/** Which change two dumps show at a path, without looking at any layer. */
function kindOf(path: string, was: Seen, is: Seen): string | undefined {
  const [before, after] = [was.get(path), is.get(path)]
  if (before === undefined) return 'added'
  const parent = path.split('/').slice(0, -1).join('/')
  if (after === undefined) return parent && !isFolder(is.get(parent)) ? undefined : 'deleted'
  const hasInside = [...new Set([...was.keys(), ...is.keys()])].some(
    other => other.startsWith(`${path}/`) && kindOf(other, was, is) !== undefined,
  )
  return plain(before, hasInside && isFolder(after)) === plain(after, hasInside && isFolder(after))
    ? undefined
    : 'changed'
}

const isFolder = (text: string | undefined) => text?.startsWith('["directory"') ?? false

/** Without the hard link's first name and, if asked, the mtime. */
function plain(text: string, withoutTime: boolean): string {
  const parts: unknown[] = JSON.parse(text)
  return JSON.stringify(parts.slice(0, -1).filter((_, i) => !(withoutTime && i === 4)))
}
