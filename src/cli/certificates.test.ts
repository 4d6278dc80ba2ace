import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TlsShape } from '../api/shapes.ts'
import { judgeCertificates } from './certificates.ts'

const now = Date.parse('2026-06-15T00:00:00Z')
const judge = (tls: Partial<TlsShape>) =>
  judgeCertificates({ mode: 'auto', certificates: [], failures: [], unnamed: [], ...tls }, now)

test('certificates that are good are counted, with the end of the first', () => {
  const certificates = [
    { names: ['a.test'], notAfter: '2026-08-01T00:00:00Z' },
    { names: ['b.test'], notAfter: '2026-09-01T00:00:00Z' },
  ]
  assert.deepEqual(judge({ certificates }), { result: 'ok', detail: '2; the first ends on 2026-08-01' })
})

test('a host that was not visited yet has no certificate, and that is fine', () => {
  assert.equal(judge({}).result, 'ok')
})

test('a name that fails is told with its reason, what visitors get, and when it is tried again', () => {
  const failure = {
    subject: 'a.test',
    detail: 'no such name in the DNS',
    since: '2026-06-14T23:00:00Z',
    retryAt: '2026-06-15T00:30:00Z',
    notAfter: '2026-07-01T00:00:00Z',
  }
  assert.deepEqual(judge({ failures: [failure] }), {
    result: 'failed',
    detail:
      'a.test: no such name in the DNS (the one from before is good until 2026-07-01; tried again in 30 min at the earliest): the name must lead to this host, and its port 80 to DORMICE_LISTEN',
  })
  assert.match(
    judge({ failures: [{ ...failure, notAfter: '2026-06-01T00:00:00Z' }] }).detail,
    /the one from before ended on 2026-06-01/,
  )
  assert.match(judge({ failures: [{ ...failure, notAfter: null }] }).detail, /it has no certificate/)
})

test('a folder without certificates is a failure: no visit makes one', () => {
  assert.deepEqual(judge({ mode: 'files' }), {
    result: 'failed',
    detail:
      'no certificate with its key is in the folder of DORMICE_TLS_FILES, so no host has HTTPS: put NAME.crt beside NAME.key there',
  })
})

test('a file that cannot be used is told with what visitors get meanwhile', () => {
  const certificates = [{ names: ['a.test'], notAfter: '2026-09-01T00:00:00Z' }]
  const told = (notAfter: string | null, rest: Partial<TlsShape> = { certificates }) => {
    const failure = { subject: '/tls/a.crt', detail: 'there is no a.key beside it', notAfter }
    const times = { since: '2026-06-14T23:00:00Z', retryAt: '2026-06-14T23:00:00Z' }
    return judge({ mode: 'files', failures: [{ ...failure, ...times }], ...rest }).detail
  }
  assert.equal(told(null), '/tls/a.crt: there is no a.key beside it; it is not served until that is mended')
  assert.equal(
    told(null, {}),
    '/tls/a.crt: there is no a.key beside it; no host has HTTPS until that is mended',
  )
  assert.equal(
    told('2026-07-01T00:00:00Z'),
    '/tls/a.crt: there is no a.key beside it; what was there before is served, and is good until 2026-07-01',
  )
  assert.match(told('2026-06-01T00:00:00Z'), /what was there before is served, and ended on 2026-06-01$/)
})

test('a certificate of a file that ends within a week is to be replaced', () => {
  const certificates = [{ names: ['a.test'], notAfter: '2026-06-20T00:00:00Z' }]
  assert.equal(judge({ mode: 'files', certificates }).result, 'failed')
  assert.equal(judge({ mode: 'auto', certificates }).result, 'ok')
})

test('hosts that no certificate names are told', () => {
  const certificates = [{ names: ['a.test'], notAfter: '2026-08-01T00:00:00Z' }]
  const told = (unnamed: string[]) => judge({ mode: 'files', certificates, unnamed })
  assert.deepEqual(told(['dormice.apps.test', '*.apps.test']), {
    result: 'failed',
    detail:
      'no certificate names dormice.apps.test, *.apps.test: over HTTPS nothing answers there, plain HTTP alone; put one that does in the folder of DORMICE_TLS_FILES',
  })
  const many = Array.from({ length: 12 }, (_, n) => `${n}.test`)
  assert.match(told(many).detail, /8\.test, 9\.test and 2 more \(GET \/v1\/tls\):/)
})

test('an expired certificate is a failure, whoever was to renew it', () => {
  const certificates = [{ names: ['a.test'], notAfter: '2026-06-14T00:00:00Z' }]
  assert.deepEqual(judge({ certificates }), {
    result: 'failed',
    detail: 'the certificate for a.test has expired: it ended on 2026-06-14',
  })
})
