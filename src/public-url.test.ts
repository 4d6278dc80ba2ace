import assert from 'node:assert/strict'
import { test } from 'node:test'
import { publicUrl } from './public-url.ts'

const certificates = (mode: 'auto' | 'files') => ({ mode, offers: (host: string) => host === 'a.test' })

test('without HTTPS addresses are those of plain HTTP, with a port that is not the usual one', () => {
  assert.equal(publicUrl('a.test', { http: 80, https: undefined }), 'http://a.test')
  assert.equal(publicUrl('a.test', { http: 8080, https: undefined }), 'http://a.test:8080')
})

test('with HTTPS addresses are those', () => {
  assert.equal(publicUrl('b.test', { http: 80, https: 443 }, certificates('auto')), 'https://b.test')
  assert.equal(publicUrl('a.test', { http: 80, https: 8443 }, certificates('files')), 'https://a.test:8443')
})

test('a host that no given certificate names has an address of plain HTTP, with that one’s port', () => {
  assert.equal(publicUrl('b.test', { http: 8080, https: 443 }, certificates('files')), 'http://b.test:8080')
})
