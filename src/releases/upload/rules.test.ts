import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Problem } from '../../problem.ts'
import { DEFAULT_LIMITS } from './limits.ts'
import { type EntryHeader, EntryRules, type SafeHeader } from './rules.ts'

const file = (name: string, more: Partial<EntryHeader> = {}): EntryHeader => ({
  name,
  type: 'file',
  mode: 0o644,
  mtime: 1000,
  size: 0,
  linkname: '',
  ...more,
})
const folder = (name: string, more: Partial<EntryHeader> = {}) =>
  file(name, { type: 'directory', mode: 0o755, ...more })
const symlink = (name: string, linkname: string) => file(name, { type: 'symlink', linkname })
const link = (name: string, linkname: string) => file(name, { type: 'link', linkname })

type Options = { strip?: string; uploadBytes?: number; limits?: Partial<typeof DEFAULT_LIMITS> }

function rules({ strip, uploadBytes = 1000, limits }: Options = {}): EntryRules {
  return new EntryRules({ ...DEFAULT_LIMITS, ...limits }, { uploadBytes, strip })
}

/** Checks entries in order; gives back those that may be used. */
function check(entries: readonly EntryHeader[], options: Options = {}): SafeHeader[] {
  const checked = rules(options)
  return entries.flatMap(entry => checked.check(entry) ?? [])
}

function refused(code: string, entries: readonly EntryHeader[], options: Options = {}): void {
  const last = entries.at(-1)
  assert.throws(
    () => check(entries, options),
    (error: unknown) => {
      assert.ok(error instanceof Problem, String(error))
      assert.equal(error.code, code)
      assert.equal(error.data.entry, last?.name.slice(0, 4096))
      return true
    },
  )
}

describe('names', () => {
  test('are normalised: ./, //, /./ and a slash at the end', () => {
    const entries = check([file('./a//b/./c.js'), folder('d/')])
    assert.deepEqual(
      entries.map(({ path }) => path),
      ['a/b/c.js', 'd'],
    )
  })

  test('may hold what file systems allow: spaces, dots, dashes, quotes, other scripts', () => {
    for (const name of ['a b', '...', '..a', '-rf', "it's", '$(x)', 'ab:c', '日本', '🦔', 'a'.repeat(255)]) {
      assert.equal(check([file(name)])[0]?.path, name)
    }
  })

  const bad: [string, string][] = [
    ['', 'name_empty'],
    ['.', 'name_empty'],
    ['./', 'name_empty'],
    ['/', 'path_absolute'],
    ['/a', 'path_absolute'],
    ['..', 'path_traversal'],
    ['a/..', 'path_traversal'],
    ['a/../b', 'path_traversal'],
    ['a\0', 'name_nul'],
    ['a\\b', 'path_backslash'],
    ['c:', 'path_drive'],
    ['C:\\a', 'path_drive'],
    ['a\r', 'name_control'],
    ['a\u007f', 'name_control'],
    ['a\u0085', 'name_control'],
    ['a\ud800', 'name_not_utf8'],
    ['ü'.repeat(128), 'name_too_long'],
    ['a/'.repeat(2048).concat('a'), 'name_too_long'],
  ]
  for (const [name, code] of bad)
    test(`${JSON.stringify(name.slice(0, 20))}: ${code}`, () => refused(code, [file(name)]))
})

describe('symbolic links', () => {
  test('inside are kept, their targets in the shortest form', () => {
    for (const [target, kept] of [
      ['b', 'b'],
      ['../b', '../b'],
      ['..', '..'],
      ['.', '.'],
      ['./b//c/', 'b/c'],
      ['b/../c', 'c'],
      ['b/..', '.'],
      ['b/../../c', '../c'],
    ] as const) {
      assert.equal(check([symlink('a/l', target)])[0]?.linkname, kept, target)
    }
  })

  test('cannot be led outside by other links: no ".." is left after a name', () => {
    // "deep" is the folder itself, so that "a/deep/.." is the folder above the app for who follows links.
    const [, evil] = check([symlink('a/deep', '..'), symlink('a/evil', 'deep/..')])
    assert.equal(evil?.linkname, '.')
  })

  for (const target of ['/', '/etc', '../..', '../../x', 'b/../../../x', '.././../x']) {
    test(`to ${target} leave the folder`, () => refused('symlink_outside', [symlink('a/l', target)]))
  }

  test('have nothing under them, before or after', () => {
    refused('entry_under_symlink', [symlink('s', '.'), file('s/x')])
    refused('entry_under_symlink', [symlink('s', '.'), file('s/x/y')])
    refused('duplicate_entry', [file('s/x'), symlink('s', '.')])
    refused('duplicate_entry', [symlink('s', '.'), folder('s')])
    refused('duplicate_entry', [symlink('s', '.'), file('s')])
  })
})

describe('hard links', () => {
  test('are to an earlier file, by its path in the folder', () => {
    const entries = check([file('./a/b'), link('c', './/a/b'), link('d', 'c')])
    assert.deepEqual(
      entries.map(({ linkname }) => linkname),
      ['', 'a/b', 'c'],
    )
  })

  test('to anything else are refused', () => {
    refused('hardlink_target', [link('c', 'a')])
    refused('hardlink_target', [folder('a'), link('c', 'a')])
    refused('hardlink_target', [symlink('a', '.'), link('c', 'a')])
    refused('hardlink_target', [file('cafe\u0301'), link('c', 'caf\u00e9')])
    refused('hardlink_target', [file('a'), link('c', '')])
    refused('hardlink_outside', [file('a'), link('c', '/a')])
    refused('hardlink_outside', [file('a'), link('c', 'x/../a')])
  })
})

describe('duplicates', () => {
  test('of a folder are harmless when nothing changed, and made once', () => {
    const entries = check([folder('d'), folder('d/', { mtime: 5 }), file('d/x'), folder('./d')])
    assert.deepEqual(
      entries.map(({ path }) => path),
      ['d', 'd/x'],
    )
  })

  test('are refused otherwise', () => {
    refused('duplicate_entry', [file('a'), file('./a')])
    refused('duplicate_entry', [file('a'), folder('a')])
    refused('duplicate_entry', [folder('a'), file('a')])
    refused('duplicate_entry', [file('a/b'), file('a')])
    refused('duplicate_entry', [file('a'), file('a/b')])
    refused('duplicate_entry', [folder('a'), folder('a', { mode: 0o700 })])
    refused('duplicate_entry', [file('\u212b'), file('\u00c5')])
  })
})

describe('folders above an entry', () => {
  test('are missing once, from the outermost that nothing made', () => {
    const entries = check([file('a/b/c/x'), file('a/b/y'), file('a/d/z'), folder('e'), file('e/f/x')])
    assert.deepEqual(
      entries.map(({ path, missing }) => [path, missing]),
      [
        ['a/b/c/x', 3],
        ['a/b/y', 0],
        ['a/d/z', 1],
        ['e', 0],
        ['e/f/x', 1],
      ],
    )
  })

  test('are missing without the top-level folder when that is left out', () => {
    const entries = check([file('top/a/x'), file('top/y')], { strip: 'top' })
    assert.deepEqual(
      entries.map(({ path, missing }) => [path, missing]),
      [
        ['a/x', 1],
        ['y', 0],
      ],
    )
  })
})

describe('the one top-level folder', () => {
  const strip = (...entries: EntryHeader[]) => {
    const checked = rules()
    for (const entry of entries) checked.check(entry)
    return checked.finish().strip
  }

  test('is left out when everything lies in it', () => {
    assert.equal(strip(folder('top'), file('top/a'), symlink('top/l', 'a')), 'top')
    assert.equal(strip(file('./top/a')), 'top')
    assert.equal(strip(file('top/a'), file('__MACOSX/top/._a')), 'top')
  })

  test('stays when something lies beside it, or the root has an entry', () => {
    assert.equal(strip(file('top/a'), file('b')), undefined)
    assert.equal(strip(file('top/a'), folder('other')), undefined)
    assert.equal(strip(folder('./'), file('top/a')), undefined)
    assert.equal(strip(file('top')), undefined)
  })

  test('may not be left by a link when it is left out', () => {
    for (const target of ['../..', '../../x', '../../top/b']) {
      assert.throws(
        () => strip(file('top/b'), symlink('top/d/l', target)),
        { code: 'symlink_outside' },
        target,
      )
      assert.equal(strip(file('top/b'), symlink('top/d/l', target), file('c')), undefined)
    }
    assert.equal(strip(file('top/b'), symlink('top/d/l', '..')), 'top')
    refused('symlink_outside', [symlink('top/l', '../top/b')], { strip: 'top' })
  })
})

describe('limits', () => {
  test('entries count, and so do the folders they imply', () => {
    const limits = { maxEntries: 3 }
    check([file('a'), file('b'), file('c')], { limits })
    check([file('a/b/c')], { limits })
    assert.throws(() => check([file('a'), file('b'), file('c'), file('d')], { limits }), {
      code: 'too_many_entries',
    })
    assert.throws(() => check([file('a/b/c/d')], { limits }), { code: 'too_many_entries', status: 413 })
  })

  test('bytes are bounded by the larger of a floor and the size of the upload', () => {
    const limits = { minExpanded: 1000, maxExpansion: 50 }
    check([file('a', { size: 500 }), file('b', { size: 500 })], { limits, uploadBytes: 10 })
    refused('expands_too_much', [file('a', { size: 500 }), file('b', { size: 501 })], {
      limits,
      uploadBytes: 20,
    })
    check([file('a', { size: 1050 })], { limits, uploadBytes: 21 })
    refused('expands_too_much', [file('a', { size: 1051 })], { limits, uploadBytes: 21 })
  })

  test('one file and all names are bounded', () => {
    refused('entry_too_large', [file('a', { size: 11 })], { limits: { maxEntryBytes: 10 } })
    refused('names_too_large', [file('aaaaa'), file('bbbbbb')], { limits: { maxNamesBytes: 10 } })
  })

  test('sizes are whole numbers from 0 up, and only files have one', () => {
    for (const size of [-1, -0, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      refused('size_invalid', [file('a', { size })])
    }
    refused('size_invalid', [{ ...symlink('a', 'b'), size: 1 }])
    check([folder('a', { size: 4096 })])
  })
})

test('modes lose what is no permission, times are whole seconds from 0 up', () => {
  const [entry] = check([file('a', { mode: 0o107755, mtime: -5.5 })])
  assert.deepEqual([entry?.mode, entry?.mtime], [0o755, 0])
  assert.equal(check([file('a', { mtime: 12.9 })])[0]?.mtime, 12)
  assert.equal(check([file('a', { mtime: Number.NaN })])[0]?.mtime, 0)
})

test('what is no file, folder or link is refused by its kind', () => {
  refused('device_refused', [file('a', { type: 'device' })])
  refused('fifo_refused', [file('a', { type: 'fifo' })])
  refused('entry_type_refused', [file('a', { type: 'other' })])
})
