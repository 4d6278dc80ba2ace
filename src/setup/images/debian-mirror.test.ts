import assert from 'node:assert/strict'
import { test } from 'node:test'
import { debianMirror, sourcesList } from './debian-mirror.ts'

const DEBIAN_12 = 'ID=debian\nVERSION_CODENAME=bookworm\n'
const PUBLIC = { main: 'http://deb.debian.org/debian', security: 'http://deb.debian.org/debian-security' }

test('the mirrors of deb822 sources are used', () => {
  const sources = `Types: deb
# a comment
URIs: http://mirror.example/debian/
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: https://mirror.example/security
Suites: bookworm-security
Components: main
`
  const expected = { main: 'http://mirror.example/debian', security: 'https://mirror.example/security' }
  assert.deepEqual(debianMirror(DEBIAN_12, [sources]), expected)
})

test('the mirrors of one-line sources are used, of a later Debian too', () => {
  const sources = `# deb http://old.example/debian trixie main
deb [signed-by=/a/b arch=amd64] http://new.example/debian trixie main contrib
deb-src http://src.example/debian trixie main
deb http://new.example/security trixie-security main
`
  const expected = { main: 'http://new.example/debian', security: 'http://new.example/security' }
  assert.deepEqual(debianMirror('ID=debian\nVERSION_CODENAME=trixie\n', [sources]), expected)
})

test('a disabled stanza, a mirror list and a password in an address are passed over', () => {
  const disabled = 'Types: deb\nEnabled: no\nURIs: http://a.example/debian\nSuites: bookworm\n'
  const list = 'Types: deb\nURIs: mirror+file:///etc/apt/mirrors/debian.list\nSuites: bookworm\n'
  const password = 'deb https://user:secret@b.example/debian bookworm main\n'
  assert.deepEqual(debianMirror(DEBIAN_12, [disabled, list, password]), PUBLIC)
})

test('a machine that is no Debian uses the public mirror', () => {
  const ubuntu = 'deb http://archive.ubuntu.com/ubuntu jammy main\n'
  assert.deepEqual(debianMirror('ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=jammy\n', [ubuntu]), PUBLIC)
})

test('the list names the release, its updates and its security fixes', () => {
  assert.deepEqual(sourcesList(PUBLIC), [
    'deb http://deb.debian.org/debian bookworm main',
    'deb http://deb.debian.org/debian bookworm-updates main',
    'deb http://deb.debian.org/debian-security bookworm-security main',
  ])
})
