import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectionsThatFit } from './descriptors.ts'

const limits = (files: string) => `Limit                     Soft Limit           Hard Limit           Units
Max processes             96372                96372                processes
Max open files            ${files.padEnd(20)} 1048576              files
`

test('each connection may need a second one to its app, and some files are left for the rest', () => {
  assert.equal(connectionsThatFit(limits('4096')), 1_792)
})

test('many files are no reason for endless connections, few none for having no room at all', () => {
  assert.equal(connectionsThatFit(limits('1048576')), 10_000)
  assert.equal(connectionsThatFit(limits('unlimited')), 10_000)
  assert.equal(connectionsThatFit(''), 10_000)
  assert.equal(connectionsThatFit(limits('64')), 16)
})
