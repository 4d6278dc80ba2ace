import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BaseIndex } from './base-index.ts'
import { isTouched } from './carry.ts'
import { changesOf } from './changes.ts'
import { checkUnion } from './check.ts'
import { hiding } from './listing.ts'
import { merge } from './merge.ts'
import { inPortions, sorted } from './portions.ts'
import { file, layerOf } from './sample-layers.ts'

/** How often others had their turn while something ran. */
async function turnsOf(run: () => Promise<unknown>): Promise<number> {
  let turns = -1
  const count = () => {
    turns++
    next = setImmediate(count)
  }
  let next = setImmediate(count)
  await run()
  clearImmediate(next)
  return turns
}

test('long work lets others have their turn, and gives its result', async () => {
  function* work() {
    for (let n = 0; n < 200; n++) {
      const end = performance.now() + 0.5
      while (performance.now() < end);
      yield
    }
    return 'done'
  }
  let result: string | undefined
  assert.ok(
    (await turnsOf(async () => {
      result = await inPortions(work())
    })) >= 3,
  )
  assert.equal(result, 'done')
})

test('work that fails rejects', async () => {
  await assert.rejects(
    inPortions(
      (function* () {
        yield
        throw new Error('no')
      })(),
    ),
    /^Error: no$/,
  )
})

test('sorting by steps is sorting', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(50), fc.nat()), { maxLength: 3000, size: 'max' }), items => {
      const work = sorted(items, ([a], [b]) => a < b)
      let step = work.next()
      while (!step.done) step = work.next()
      assert.deepEqual(
        step.value,
        items.toSorted(([a], [b]) => a - b),
      )
    }),
    { numRuns: 50 },
  )
})

const files = Array.from({ length: 20_000 }, (_, n) => file(`a/folder-${n % 100}/file-${n}`, `${n}`))
const layer = layerOf(files)
const flat = Array.from({ length: 20_000 }, (_, n) => hiding('whiteout', `file-${n}`))
const base = await BaseIndex.of([layer.list, layerOf(flat.map(({ path }) => file(path))).list])

/** The first bytes come when all layers have been compared. */
async function begun() {
  for await (const _ of merge([{ ...layer, listing: async () => [...layer.list, ...flat] }], base)) return
}

for (const [what, run] of Object.entries({
  'reading what a base has': () => BaseIndex.of([layer.list]),
  'merging layers': begun,
  'checking a union': () => checkUnion(base, [layer.list], [layer.list]),
  'telling the changes of a layer': () => changesOf([...layer.list, ...flat], base),
  'asking whether a layer touches something': () => isTouched([layer.list, flat], new Set(['b'])),
})) {
  test(`${what} of tens of thousands of files lets requests have their turn`, async () => {
    assert.ok((await turnsOf(run)) >= 1)
  })
}
