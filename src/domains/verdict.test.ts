import assert from 'node:assert/strict'
import { test } from 'node:test'
import { challengeOf } from './claim.ts'
import type { Evidence } from './evidence.ts'
import type { Reached } from './reach.ts'
import { judge } from './verdict.ts'

const claim = { domain: 'shop.test', app: 'notes', appCreatedAt: 1 }
const challenge = challengeOf('host', claim)
const claimed = { domain: 'shop.test', target: 'notes.apps.test', challenge }
const nothing: Evidence = { txt: [], aliases: [], addresses: [], own: ['192.0.2.1'], isApex: false }
const there = { ...nothing, addresses: ['198.51.100.7'] }
const answer = (text: string, status = 200): Reached => ({ kind: 'answer', status, text })

const shown: [what: string, Partial<Evidence>, Reached | undefined, proof: string, pointsHere: boolean][] = [
  ['a CNAME to the app', { aliases: ['notes.apps.test'] }, undefined, 'cname', true],
  [
    'a CNAME to one that is a CNAME to the app',
    { aliases: ['x.test', 'notes.apps.test'] },
    undefined,
    'cname',
    true,
  ],
  ['the TXT record', { txt: ['v=spf1', ` ${challenge.value} `] }, undefined, 'txt', false],
  [
    'the TXT record and an address of the host',
    { txt: [challenge.value], addresses: ['192.0.2.1'] },
    undefined,
    'txt',
    true,
  ],
  ['the file where it is served now', {}, answer(`${challenge.value}\n`), 'http', false],
  ['the edge’s own answer', {}, answer(`${challenge.here}\n`), 'http', true],
]
for (const [what, more, reached, proof, pointsHere] of shown) {
  test(`${what} shows a claim`, () => {
    const verdict = judge(claimed, { ...there, ...more }, reached)
    assert.deepEqual([verdict.proof, verdict.pointsHere], [proof, pointsHere])
  })
}

const other = challengeOf('host', { ...claim, app: 'other' })
const not: [what: string, Partial<Evidence>, Reached | undefined][] = [
  ['a CNAME to another app', { aliases: ['other.apps.test'] }, undefined],
  ['another app’s TXT record', { txt: [other.value] }, undefined],
  ['another app’s file', {}, answer(other.value)],
  ['an address of the host alone', { addresses: ['192.0.2.1'] }, answer('<h1>hello</h1>')],
  ['an answer that says back the path', {}, answer(challenge.path)],
  ['the value in the midst of an answer', {}, answer(`<p>${challenge.value}</p>`)],
  ['the value with another status', {}, answer(challenge.value, 404)],
  ['DNS that does not answer', { txt: undefined, aliases: undefined, addresses: undefined }, undefined],
]
for (const [what, more, reached] of not) {
  test(`${what} shows nothing`, () =>
    assert.equal(judge(claimed, { ...there, ...more }, reached).proof, undefined))
}

const told: [Partial<Evidence>, Reached | undefined, RegExp][] = [
  [{}, answer('secret', 404), /^shop\.test \(198\.51\.100\.7\) gives another answer \(status 404\)$/],
  [{}, answer('secret', 301), /sends elsewhere \(status 301\), which is not followed$/],
  [{}, { kind: 'silent' }, /^nothing answers on port 80 of shop\.test \(198\.51\.100\.7\)$/],
  [{}, { kind: 'private' }, /is in a private network, and not where notes\.apps\.test points/],
  [{ addresses: [] }, undefined, /^shop\.test has no address$/],
  [{ addresses: undefined }, undefined, /^DNS did not answer for the addresses of shop\.test$/],
  [{}, undefined, /^shop\.test has no CNAME$/],
  [{ isApex: true }, undefined, /^shop\.test has no CNAME \(and cannot have one/],
  [
    { aliases: ['shops.example'] },
    undefined,
    /^shop\.test is a CNAME of shops\.example, not of notes\.apps\.test$/,
  ],
  [{ aliases: undefined }, undefined, /^DNS did not answer for the CNAME/],
  [{}, undefined, /^_dormice\.shop\.test has no TXT record$/],
  [
    { txt: ['old\u001b[2J'] },
    undefined,
    /^the TXT record of _dormice\.shop\.test is "old\?\[2J", not "dormice=/,
  ],
  [{ txt: undefined }, undefined, /^DNS did not answer for the TXT record/],
]
for (const [more, reached, said] of told) {
  test(`what was found instead is told: ${said.source.slice(0, 60)}`, () => {
    const details = judge(claimed, { ...there, ...more }, reached).checks.map(check => check.detail)
    assert.ok(
      details.some(detail => said.test(detail)),
      details.join('\n'),
    )
    assert.doesNotMatch(details.join(), /secret/)
  })
}

test('a challenge is of one host, app, name and life of the app', () => {
  const claims = [
    challengeOf('host', claim),
    challengeOf('other', claim),
    challengeOf('host', { ...claim, app: 'other' }),
    challengeOf('host', { ...claim, domain: 'www.shop.test' }),
    challengeOf('host', { ...claim, appCreatedAt: 2 }),
  ]
  assert.equal(new Set(claims.map(one => one.path)).size, claims.length)
  assert.equal(new Set(claims.map(one => one.value)).size, claims.length)
  assert.deepEqual(challengeOf('host', claim), claims[0])
})
