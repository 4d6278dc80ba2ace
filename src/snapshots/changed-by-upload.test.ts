import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { file } from '../layers/sample-layers.ts'
import { changedByUpload } from './changed-by-upload.ts'
import { TimelineStage } from './fake-images.ts'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

test('a file that both uploads have alike is the app’s own, also where an earlier version did not note what was uploaded', async () => {
  using stage = new TimelineStage()
  const before = await stage.layer(file('app/server.js', 'old'), file('app/notes.db', 'empty'))
  const after = await stage.layer(file('app/server.js', 'new'), file('app/notes.db', 'empty'))
  const files = new Map([
    ['server.js', sha256('new')],
    ['notes.db', sha256('empty')],
  ])
  const known = new Map([
    ['server.js', sha256('old')],
    ['notes.db', sha256('empty')],
  ])
  for (const uploaded of [known, new Map<string, string>()]) {
    const changed = await changedByUpload(stage.context.layers, {
      before: { files: uploaded, layers: [before] },
      after: { files, layers: [after] },
      runtime: 'node',
    })
    assert.deepEqual([...changed], ['app/server.js'])
  }
})
