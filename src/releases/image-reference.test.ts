import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isImageReference } from './image-reference.ts'

const digest = `sha256:${'0a'.repeat(32)}`

for (const reference of [
  'nginx',
  'nginx:1.27',
  'library/nginx_x__y--z.w:V1.2-rc_3',
  'localhost/app',
  'localhost:5000/app:latest',
  'Registry.example.com/team/app',
  'registry:5000/a/b/c:1',
  `ghcr.io/team/app:1@${digest}`,
  `nginx@${digest}`,
  digest,
  '0a1b2c3d4e5f',
]) {
  test(`${reference} names an image`, () => assert.ok(isImageReference(reference)))
}

for (const reference of [
  '',
  '..',
  '../containers/json',
  '..//evil.example/x',
  '../../info?x=',
  'a/../b',
  '/a',
  'a/',
  'a//b',
  'a b',
  'a?x',
  'a#x',
  'a%2e',
  'a:b:c',
  'a:',
  'a@b',
  `a@${digest}@${digest}`,
  'UPPER/x',
  'é',
  'a\n',
  'x\u0000y',
]) {
  test(`${JSON.stringify(reference)} names none`, () => assert.equal(isImageReference(reference), false))
}
