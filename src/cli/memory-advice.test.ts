import assert from 'node:assert/strict'
import { test } from 'node:test'
import { adviseOnMemory } from './memory-advice.ts'

const heading = 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n'

test('doctor says what swap there is, and what it would bring where there is none', () => {
  assert.match(adviseOnMemory({ swaps: heading, asks: true, tells: true }), /^no swap: .* swap file or zram/)
  const swaps = `${heading}/swapfile file 1048576 0 -2\n/dev/zram0 partition 524288 0 100\n`
  assert.equal(
    adviseOnMemory({ swaps, asks: true, tells: true }),
    '1.6 GB of swap: frozen apps give back nearly all of their memory; where memory runs short idle apps yield (/proc/pressure/memory)',
  )
})

test('doctor says when memory cannot be taken back at all', () => {
  assert.match(
    adviseOnMemory({ swaps: heading, asks: false, tells: true }),
    /^frozen apps keep their memory: /,
  )
})

test('doctor says where the kernel does not tell that memory runs short', () => {
  assert.match(
    adviseOnMemory({ swaps: heading, asks: true, tells: false }),
    /; that memory runs short is not seen, .*psi=1/,
  )
})
