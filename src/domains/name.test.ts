import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDomain, twinOf } from './name.ts'

const own = 'apps.example.org'

const names: [text: string, name: string][] = [
  ['shop.example.com', 'shop.example.com'],
  [' Shop.EXAMPLE.com. ', 'shop.example.com'],
  ['münchen.de', 'xn--mnchen-3ya.de'],
  ['bücher。example', 'xn--bcher-kva.example'],
  ['xn--mnchen-3ya.de', 'xn--mnchen-3ya.de'],
  ['a.b.c.d.example.co.uk', 'a.b.c.d.example.co.uk'],
  ['example.org', 'example.org'],
  ['myapps.example.org', 'myapps.example.org'],
  ['123.example', '123.example'],
]
for (const [text, name] of names) {
  test(`"${text}" is ${name}`, () => assert.equal(parseDomain(text, own), name))
}

const refused: [text: string, why: RegExp][] = [
  ['', /not a whole name/],
  ['com', /not a whole name/],
  ['localhost', /not a whole name/],
  ['shop.localhost', /this machine’s own/],
  ['apps.example.org', /this host’s own/],
  ['notes.apps.example.org', /this host’s own/],
  ['NOTES.Apps.Example.ORG.', /this host’s own/],
  ['203.0.113.5', /an address of a machine/],
  ['2001:db8::1', /an address of a machine/],
  ['[::1]', /an address of a machine/],
  ['0x7f.1', /between its dots stand 1 to 63 letters/],
  ['1.2.3', /between its dots stand 1 to 63 letters/],
  ['https://shop.example.com/cart', /give the name alone, shop\.example\.com/],
  ['shop.example.com/cart', /a name has no "\/"; give it without/],
  ['shop.example.com:8080', /a name has no ":"; give it without/],
  ['user@example.com', /a name has no "@"; give it without/],
  ['*.example.com', /a wildcard/],
  ['a b.example.com', /a name has no " "; give it without/],
  ['a..example.com', /between its dots stand 1 to 63 letters/],
  ['.example.com', /between its dots stand 1 to 63 letters/],
  ['-a.example.com', /between its dots stand 1 to 63 letters/],
  ['under_score.example.com', /between its dots stand 1 to 63 letters/],
  [`${'a'.repeat(64)}.example.com`, /between its dots stand 1 to 63 letters/],
  [`${'a.'.repeat(126)}co`, /longer than 253/],
]
for (const [text, why] of refused) {
  test(`"${text.slice(0, 40)}" is refused: ${why.source}`, () => {
    assert.throws(() => parseDomain(text, own), { code: 'invalid_domain', status: 400, message: why })
  })
}

test('a name and the one with www before it are twins', () => {
  assert.equal(twinOf('example.com', own), 'www.example.com')
  assert.equal(twinOf('www.example.com', own), 'example.com')
  assert.equal(twinOf('shop.example.com', own), 'www.shop.example.com')
})

test('there is no twin that could not be a custom domain itself', () => {
  for (const name of ['www.com', 'www.www.example.com', 'www.apps.example.org', `${'a.'.repeat(125)}com`]) {
    assert.equal(twinOf(name, own), undefined, name)
  }
  assert.equal(twinOf('example.org', 'www.example.org'), undefined)
})
