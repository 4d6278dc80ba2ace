import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BaseIndex } from './base-index.ts'
import { carry } from './carry.ts'
import { changesOf } from './changes.ts'
import { checkUnion } from './check.ts'
import { type Entry, LayerInvalid } from './listing.ts'
import { merge } from './merge.ts'
import {
  bytesIn,
  file,
  folder,
  layerOf,
  layerOfTar,
  link,
  opaque,
  type Sample,
  sample,
  symlink,
  whiteout,
} from './sample-layers.ts'

const BASE = [
  folder('d'),
  file('d/x', 'x'),
  file('d/y', 'y'),
  folder('d/sub'),
  file('d/sub/z', 'z'),
  file('f', 'f'),
]
const indexOf = (...layers: Sample[][]) => BaseIndex.of(layers.map(layer => layerOf(layer).list))
const base = await indexOf(BASE)

async function listed(tar: AsyncIterable<unknown>): Promise<Entry[]> {
  return [...layerOfTar(await bytesIn(tar)).list]
}
const merged = (...layers: Sample[][]) => listed(merge(layers.map(layerOf), base))
const carried = (winners: string[], ...layers: Sample[][]) =>
  listed(carry(layers.map(layerOf), base, new Set(winners)))

/** `type path`, and what a link names. */
const brief = (list: readonly Entry[]) =>
  list.map(({ type, path, linkname }) => `${type} ${path}${linkname && ` → ${linkname}`}`)

const merges: Record<string, { layers: Sample[][]; to: string[] }> = {
  'nothing is nothing': { layers: [], to: [] },
  'the later of two versions of a file is kept': {
    layers: [[file('n', 'old')], [file('n', 'newer')]],
    to: ['file n'],
  },
  'a whiteout of what the base has is kept, one of what it has not is dropped': {
    layers: [[whiteout('f'), whiteout('no'), whiteout('no/where')]],
    to: ['whiteout f'],
  },
  'what one layer makes and the next removes leaves nothing': {
    layers: [
      [file('n'), folder('m'), file('m/n')],
      [whiteout('n'), whiteout('m')],
    ],
    to: [],
  },
  'a file that was removed and made again needs no whiteout': {
    layers: [[whiteout('f')], [file('f', 'again')]],
    to: ['file f'],
  },
  'a whiteout of a folder hides all that the base has in it, and nothing more is said of that': {
    layers: [[folder('d'), whiteout('d/x'), file('d/n')], [whiteout('d')]],
    to: ['whiteout d'],
  },
  'a folder removed in one layer and made in the next is opaque, as the base has it': {
    layers: [[whiteout('d')], [folder('d'), file('d/n')]],
    to: ['directory d', 'opaque d', 'file d/n'],
  },
  'a folder that the base has not is never opaque': {
    layers: [
      [folder('m'), file('m/n')],
      [folder('m'), opaque('m'), file('m/o')],
    ],
    to: ['directory m', 'file m/o'],
  },
  'a folder in the place of a base’s file is not opaque': {
    layers: [[folder('f'), opaque('f'), file('f/n')]],
    to: ['directory f', 'file f/n'],
  },
  'an opaque marker empties the layers below it, not its own': {
    layers: [
      [folder('d'), file('d/n')],
      [folder('d'), file('d/o'), opaque('d')],
    ],
    to: ['directory d', 'opaque d', 'file d/o'],
  },
  'a whiteout beside a file of the same layer and path hides only what is below': {
    layers: [[folder('d'), whiteout('d/sub'), folder('d/sub'), file('d/sub/n')]],
    to: ['directory d', 'directory d/sub', 'opaque d/sub', 'file d/sub/n'],
  },
  'whiteouts in an opaque folder are dropped': {
    layers: [
      [folder('d'), whiteout('d/x')],
      [folder('d'), opaque('d'), folder('d/sub'), whiteout('d/sub/z')],
    ],
    to: ['directory d', 'opaque d', 'directory d/sub'],
  },
  'a file in the place of a folder is all that is left of it': {
    layers: [[folder('d'), file('d/n')], [file('d', 'file')]],
    to: ['file d'],
  },
  'a folder in the place of a file in the place of the base’s folder is opaque': {
    layers: [[file('d', 'file')], [folder('d')]],
    to: ['directory d', 'opaque d'],
  },
  'a parent that no layer describes comes along as the base has it': {
    layers: [[whiteout('d/sub/z')]],
    to: ['directory d', 'directory d/sub', 'whiteout d/sub/z'],
  },
  'hard links of one layer stay so, and come after what they name': {
    layers: [[file('b', 'content'), link('a', 'b'), link('c', 'a'), folder('z')]],
    to: ['directory z', 'file a', 'link b → a', 'link c → a'],
  },
  'a hard link whose target was removed is the file': {
    layers: [[file('a', 'content'), link('b', 'a'), link('c', 'a')], [whiteout('a')]],
    to: ['file b', 'link c → b'],
  },
  'a hard link whose target was replaced keeps what it had': {
    layers: [[file('a', 'content'), link('b', 'a')], [file('a', 'other')]],
    to: ['file b', 'file a'],
  },
  'a hard link to a symlink, once that is gone, is the symlink': {
    layers: [[symlink('a', '/to'), link('b', 'a')], [whiteout('a')]],
    to: ['symlink b → /to'],
  },
  'an opaque root hides all of the base': {
    layers: [[opaque(''), file('n')]],
    to: ['opaque ', 'file n'],
  },
}
for (const [rule, { layers, to }] of Object.entries(merges)) {
  test(rule, async () => {
    const result = await merged(...layers)
    assert.deepEqual(brief(result), to)
    await checkUnion(base, layers, [result])
  })
}

test('files keep their content and all that they have', async () => {
  const first = [
    file('a', 'a'.repeat(70_000), { mode: 0o4711, uid: 7, gid: 8, mtime: 3, xattrs: { 'user.x': '\xff' } }),
  ]
  const second = [
    folder('d', { mode: 0o1777, mtime: 9 }),
    sample('block', 'd/dev', { device: { major: 8, minor: 1 } }),
  ]
  const [d, device, a] = await merged([folder('d', { mode: 0o700 }), ...first], second)
  assert.deepEqual({ ...a, content: undefined }, { ...first[0], content: undefined })
  assert.deepEqual([d?.mode, d?.mtime, device?.device], [0o1777, 9, { major: 8, minor: 1 }])
})

test('a hard link to what its layer has not is refused, and so is a layer that is not as it was listed', async () => {
  await assert.rejects(merged([link('d/n', 'd/x')]), LayerInvalid)
  const { list } = layerOf([file('a', '1')])
  for (const found of [[file('a', '2')], [file('a', '11')], [folder('a')], []]) {
    const reader = { ...layerOf(found), listing: async () => list }
    await assert.rejects(bytesIn(merge([reader], base)), LayerInvalid)
  }
})

test('a layer without files that are still seen is not read', async () => {
  const unread = {
    ...layerOf([file('n', 'old'), folder('m')]),
    read: () => assert.fail('it was read'),
  }
  const list = await listed(merge([unread, layerOf([file('n', 'new')])], base))
  assert.deepEqual(brief(list), ['directory m', 'file n'])
})

const carries: Record<string, { winners: string[]; layers: Sample[][]; to: string[] }> = {
  'a file of the layers gives way to a winner': {
    winners: ['f'],
    layers: [[file('f', 'mine'), file('n', 'mine')]],
    to: ['file n'],
  },
  'a whiteout, a symlink or a folder gives way to a winner': {
    winners: ['f', 'd/x', 'd/y'],
    layers: [[whiteout('f'), folder('d'), symlink('d/x', 'y'), folder('d/y'), file('d/y/n')]],
    to: ['directory d'],
  },
  'a removed folder comes back with nothing but its winners': {
    winners: ['d/sub/z'],
    layers: [[whiteout('d')]],
    to: ['directory d', 'whiteout d/x', 'whiteout d/y'],
  },
  'a file above a winner is dropped, and what it hid beside the winner stays hidden': {
    winners: ['d/x'],
    layers: [[file('d', 'mine')]],
    to: ['directory d', 'whiteout d/sub', 'whiteout d/y'],
  },
  'an opaque folder above a winner goes on hiding everything else': {
    winners: ['d/x'],
    layers: [[folder('d'), opaque('d'), folder('d/sub'), file('d/n')]],
    to: ['directory d', 'directory d/sub', 'opaque d/sub', 'whiteout d/y', 'file d/n'],
  },
  'all winners in one removed folder come back': {
    winners: ['d/x', 'd/y', 'd/sub/z'],
    layers: [[whiteout('d')]],
    to: [],
  },
  'what the base has not cannot win': {
    winners: ['n', 'no/where'],
    layers: [[file('n', 'mine'), folder('no'), file('no/where', 'mine')]],
    to: ['directory no', 'file n', 'file no/where'],
  },
  'a hard link to what gave way keeps the content': {
    winners: ['f'],
    layers: [[file('f', 'mine'), link('n', 'f')]],
    to: ['file n'],
  },
}
for (const [rule, { winners, layers, to }] of Object.entries(carries)) {
  test(rule, async () => {
    const result = await carried(winners, ...layers)
    assert.deepEqual(brief(result), to)
    await checkUnion(base, layers, [result], new Set(winners))
  })
}

test('the check names the first path that differs, and how', async () => {
  const before = [[folder('m'), file('m/a', 'a'), file('m/b', 'b'), link('m/c', 'm/b'), whiteout('f')]]
  const [m, a, b, c, f] = before[0] as [Sample, Sample, Sample, Sample, Sample]
  const cases: [Sample[], path: string, difference: string][] = [
    [[m, b, c, f], 'm/a', 'missing'],
    [[m, a, b, c], 'f', 'extra'],
    [[m, a, b, c, f, file('m/0')], 'm/0', 'extra'],
    [[m, symlink('m/a', 'a'), b, c, f], 'm/a', 'type'],
    [[m, a, { ...b, mode: 0o600 }, c, f], 'm/b', 'mode'],
    [[m, a, { ...b, gid: 1 }, c, f], 'm/b', 'owner'],
    [[{ ...m, mtime: 1 }, { ...a, mode: 0 }, b, c, f], 'm', 'mtime'],
    [[m, file('m/a', 'aa'), b, c, f], 'm/a', 'size'],
    [[m, file('m/a', 'z'), b, c, f], 'm/a', 'contents'],
    [[m, { ...a, xattrs: { 'user.x': '' } }, b, c, f], 'm/a', 'extended attributes'],
    [[m, a, b, file('m/c', 'b'), f], 'm/c', 'hard links'],
  ]
  await checkUnion(base, before, before)
  for (const [after, path, difference] of cases) {
    await assert.rejects(checkUnion(base, before, [after]), { name: 'UnionDiffers', path, difference })
  }
  const opened = [folder('d'), file('d/n')]
  await assert.rejects(checkUnion(base, [[...opened, opaque('d')]], [opened]), {
    path: 'd/sub',
    difference: 'extra',
  })
  await assert.rejects(checkUnion(base, [[symlink('s', 'a')]], [[symlink('s', 'b')]]), {
    difference: 'link target',
  })
})

test('changes are sorted and leave out the folders on the way to them', async () => {
  const layer = [
    folder('d', { mtime: 5 }),
    file('d/n'),
    { ...file('d/x', 'x') },
    whiteout('d/y'),
    folder('d/sub', { mode: 0o700 }),
    file('f', 'changed'),
    whiteout('no'),
  ]
  assert.deepEqual(await changesOf(layer, base), [
    { path: '/d/n', kind: 'added' },
    { path: '/d/sub', kind: 'changed' },
    { path: '/d/y', kind: 'deleted' },
    { path: '/f', kind: 'changed' },
  ])
})
