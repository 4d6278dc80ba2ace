import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseHost } from './host.ts'

const cases: [host: string, domain: string, label: string | undefined][] = [
  ['notes.example.com', 'example.com', 'notes'],
  ['NOTES.Example.COM', 'example.com', 'notes'],
  ['notes.example.com:8080', 'example.com', 'notes'],
  ['notes.example.com.', 'example.com', 'notes'],
  ['notes.example.com.:443', 'example.com', 'notes'],
  ['notes.localhost:', 'localhost', 'notes'],
  ['notes.localhost:x', 'localhost', undefined],
  ['notes.localhost:@evil.test', 'localhost', undefined],
  ['notes.localhost:80,evil.test:80', 'localhost', undefined],
  ['a.b.example.com', 'example.com', 'a.b'],
  ['example.com', 'example.com', ''],
  ['example.com.:80', 'example.com', ''],
  ['.example.com', 'example.com', undefined],
  ['notexample.com', 'example.com', undefined],
  ['example.com.evil.test', 'example.com', undefined],
  ['com', 'example.com', undefined],
  ['', 'example.com', undefined],
  [':8080', 'example.com', undefined],
  ['[::1]:8080', 'example.com', undefined],
  ['[::1]', 'localhost', undefined],
  ['127.0.0.1', 'localhost', undefined],
]

for (const [host, domain, label] of cases) {
  test(`the host "${host}" is ${label === undefined ? 'elsewhere' : `"${label}"`} below ${domain}`, () => {
    assert.equal(parseHost(host, domain), label)
  })
}

test('any label is found again, whatever the case, port and dot', () => {
  const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/)
  fc.assert(
    fc.property(label, fc.boolean(), fc.option(fc.nat(65_535)), fc.boolean(), (name, dot, port, loud) => {
      const host = `${loud ? name.toUpperCase() : name}.example.com${dot ? '.' : ''}${port === null ? '' : `:${port}`}`
      assert.equal(parseHost(host, 'example.com'), name)
    }),
  )
})
