import assert from 'node:assert/strict'
import { test } from 'node:test'
import { originForm } from './target.ts'

const cases: [target: string, path: string | undefined][] = [
  ['/', '/'],
  ['/a/b?c=d;e&f=%2F', '/a/b?c=d;e&f=%2F'],
  ['/a//b', '/a//b'],
  ['/?//', '/?//'],
  ['//evil.test/x', '/evil.test/x'],
  ['///', '/'],
  ['/a#b', undefined],
  ['http://app.localhost/x?y', '/x?y'],
  ['HTTP://APP.localhost/x', '/x'],
  ['https://app.localhost', '/'],
  ['http://app.localhost?y', '/?y'],
  ['http://app.localhost//evil.test/', '/evil.test/'],
  ['http://other.localhost/x', undefined],
  ['http://app.localhost:1/x', undefined],
  ['http://user@app.localhost/x', undefined],
  ['http://app.localhost@evil.test/x', undefined],
  ['http://app.localhost/x#y', undefined],
  ['ftp://app.localhost/x', undefined],
  ['http:///x', undefined],
  ['*', undefined],
  ['x', undefined],
  ['?x', undefined],
  ['', undefined],
]

for (const [target, path] of cases) {
  test(`the target "${target}" is ${path === undefined ? 'refused' : `"${path}"`}`, () => {
    assert.equal(originForm(target, 'app.localhost'), path)
  })
}
