import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { newFolder } from '../../test/support/folder.ts'
import type { Labels } from '../engine/engine.ts'
import { CopyIndex } from './copy-index.ts'
import { Store } from './store.ts'

test('a layer is needed until the last image of it is forgotten', () => {
  const index = new CopyIndex()
  index.add('one', ['a', 'b'])
  index.add('two', ['a', 'c'])
  index.delete('one')
  assert.deepEqual([...index.layers()], ['a', 'c'])
  index.delete('one')
  index.add('two', ['c', 'd'])
  assert.deepEqual([...index.layers()], ['c', 'd'])
  assert.deepEqual([index.has('one'), index.has('two')], [false, true])
  index.delete('two')
  assert.deepEqual([...index.layers()], [])
})

test('what was copied is known after a start', () => {
  const file = join(newFolder('copies'), 'dormice.db')
  const labels: Labels = { host: 'h', role: 'snapshot', app: 'notes', generation: 1, release: 1 }
  const open = () => new Store(file)
  {
    using store = open()
    for (const image of ['one', 'two']) {
      store.addCopy(image, { labels, manifest: { config: '{}', layers: ['a', image] } })
    }
    store.forgetCopy('one')
  }
  using store = open()
  assert.deepEqual([store.isCopied('one'), store.isCopied('two')], [false, true])
  assert.deepEqual([...store.copiedLayers()], ['a', 'two'])
})
