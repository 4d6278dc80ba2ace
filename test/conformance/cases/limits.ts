import type { Theme } from '../case.ts'
import { ask, askOn, OK_CLOSING, OK_KEEPING, refused, seen } from '../case.ts'
import { FEW_HEADERS, LONG_TARGETS } from '../reasons.ts'

const many = Array.from({ length: 1_500 }, (_, index) => `a: ${index % 10}`)

/** Sizes. */
export const limits: Theme = {
  title: 'limits',
  cases: [
    {
      name: 'headers of just under 16 KiB go through',
      rfc: '9110 5.4',
      sent: ask('GET /', `X-A: ${'a'.repeat(16_000)}`),
      answer: OK_CLOSING,
      upstream: seen('GET /', `X-A: ${'a'.repeat(16_000)}`),
      differs: { haproxy: FEW_HEADERS },
    },
    {
      name: 'a header over 16 KiB is refused',
      rfc: '6585 5',
      sent: ask('GET /', `X-A: ${'a'.repeat(17_000)}`),
      answer: refused(431),
      upstream: '',
    },
    {
      name: 'many headers of over 16 KiB in all are refused',
      rfc: '6585 5',
      sent: ask('GET /', ...Array.from({ length: 17 }, () => `X-A: ${'a'.repeat(1_000)}`)),
      answer: refused(431),
      upstream: '',
      differs: { nginx: FEW_HEADERS },
    },
    {
      name: 'more headers than most servers count go through',
      rfc: '9110 5.4',
      sent: ask('GET /', ...many),
      answer: OK_CLOSING,
      upstream: seen('GET /', ...many),
      differs: { nginx: FEW_HEADERS, haproxy: FEW_HEADERS },
    },
    {
      name: 'a target of 8,000 bytes goes through',
      rfc: '9112 3',
      sent: ask(`GET /${'a'.repeat(8_000)}`),
      answer: OK_CLOSING,
      upstream: seen(`GET /${'a'.repeat(8_000)}`),
    },
    {
      name: 'a target over 8 KiB is refused',
      rfc: '9110 15.5.15',
      sent: ask(`GET /${'a'.repeat(9_000)}`),
      answer: refused(414, 'uri_too_long'),
      upstream: '',
      differs: { nginx: LONG_TARGETS, haproxy: LONG_TARGETS },
    },
    {
      name: 'a target over 16 KiB is refused',
      rfc: '9110 15.5.15',
      sent: ask(`GET /${'a'.repeat(17_000)}`),
      answer: refused(414),
      upstream: '',
    },
    {
      name: 'what follows a request with a target over 8 KiB is not read',
      rfc: '9112 9.6',
      sent: askOn(`GET /${'a'.repeat(9_000)}`) + askOn('GET /2'),
      answer: refused(414, 'uri_too_long'),
      upstream: '',
      differs: { nginx: LONG_TARGETS, haproxy: LONG_TARGETS },
    },
    {
      name: 'a target over 16 KiB behind a good request is refused after its answer',
      rfc: '9112 9.3.2',
      sent: askOn('GET /1') + askOn(`GET /${'a'.repeat(17_000)}`),
      answer: [OK_KEEPING, refused(414)],
      upstream: seen('GET /1'),
    },
    {
      name: 'a header over 16 KiB behind a good request is refused after its answer',
      rfc: '9112 9.3.2',
      sent: askOn('GET /1') + askOn('GET /2', `X-A: ${'a'.repeat(17_000)}`),
      answer: [OK_KEEPING, refused(431)],
      upstream: seen('GET /1'),
    },
  ],
}
