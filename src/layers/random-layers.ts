import fc from 'fast-check'
import { split } from './listing.ts'
import { type Sample, sample } from './sample-layers.ts'
import { textOf } from './text.ts'

const NAMES = ['a', 'b', 'c', textOf(Buffer.from([0xc3, 0xff]))]
const name = fc.constantFrom(...NAMES)

/** For tests: paths so few that layers meet often. */
export const randomPath = fc.array(name, { minLength: 1, maxLength: 3 }).map(parts => parts.join('/'))

const details = fc.record({
  mode: fc.constantFrom(0o755, 0o644, 0o4755, 0o1777, 0),
  uid: fc.constantFrom(0, 1000, 4_000_000),
  mtime: fc.constantFrom(1, 2),
  content: fc.constantFrom('', 'one', 'two'),
})
const TYPES = ['file', 'file', 'directory', 'directory', 'symlink', 'link', 'fifo', 'character'] as const
const MARKERS = ['whiteout', 'opaque'] as const
const drawn = fc.tuple(
  fc.constantFrom(...TYPES, ...MARKERS, 'whiteout' as const),
  randomPath,
  details,
  fc.constantFrom('one', 'two', 'three'),
  fc.nat(),
)

/** For tests: a layer as an engine could make one, and some that none would: parents left out, markers for nothing. */
export const randomLayer: fc.Arbitrary<Sample[]> = fc.array(drawn, { maxLength: 9 }).map(all => {
  const layer: Sample[] = []
  const used = new Map<string, Sample>()
  const asFolder = new Set<string>()
  for (const [type, path, given, word, number] of all) {
    if (type === 'whiteout' || type === 'opaque') {
      layer.push(sample(type, path))
      continue
    }
    const above = parentsOf(path)
    const clashes =
      used.has(path) || above.some(parent => (used.get(parent)?.type ?? 'directory') !== 'directory')
    if (clashes || (type !== 'directory' && asFolder.has(path))) continue
    const targets = [...used.values()].filter(entry => entry.type !== 'directory')
    const target = targets[number % targets.length]
    if (type === 'link' && !target) continue
    const entry = sample(type, path, {
      ...given,
      ...(type === 'symlink' ? { linkname: word } : {}),
      ...(type === 'link' ? { linkname: target?.path } : {}),
      ...(type === 'character' ? { device: { major: 1, minor: number % 3 } } : {}),
      ...(type === 'file' && number % 4 === 0 ? { xattrs: { 'user.x': `\xff${word}` } } : {}),
    })
    used.set(path, entry)
    for (const parent of above) asFolder.add(parent)
    layer.push(entry)
  }
  return layer
})

function parentsOf(path: string): string[] {
  const [folder] = split(path)
  return folder ? [...parentsOf(folder), folder] : []
}

/** For tests: a release's layers and an app's on top of them. */
export const randomStack = fc.record({
  base: fc.array(randomLayer, { minLength: 1, maxLength: 2 }),
  layers: fc.array(randomLayer, { maxLength: 4 }),
})
