import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LogFields } from '../log.ts'
import { silent } from '../log.ts'
import { Notices } from './notices.ts'

function told(): { notices: Notices; lines: [string, LogFields | undefined][] } {
  const lines: [string, LogFields | undefined][] = []
  const log = { ...silent, warn: (event: string, fields?: LogFields) => lines.push([event, fields]) }
  return { notices: new Notices(log, 0), lines }
}

test('a flood is one line at once, and one for all the others when the minute is over', () => {
  const { notices, lines } = told()
  for (let n = 0; n < 10_000; n++) notices.warn('refused', { reason: 'address' }, { address: `10.0.0.${n}` })
  notices.sweep(59_000)
  notices.sweep(60_000)
  assert.deepEqual(lines, [
    ['refused', { reason: 'address', address: '10.0.0.0' }],
    ['refused', { reason: 'address', more: 9_999 }],
  ])
})

test('another kind, and the same in the next minute, have lines of their own', () => {
  const { notices, lines } = told()
  notices.warn('failed', { app: 'a', code: 'x' })
  notices.warn('failed', { app: 'b', code: 'x' })
  notices.sweep(60_000)
  notices.warn('failed', { app: 'a', code: 'x' })
  assert.deepEqual(
    lines.map(([, fields]) => fields),
    [
      { app: 'a', code: 'x' },
      { app: 'b', code: 'x' },
      { app: 'a', code: 'x' },
    ],
  )
})
