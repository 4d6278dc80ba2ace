import type { Case, Refusal, Theme } from '../case.ts'
import { ask, BAD_REQUEST, head, OK_CLOSING, once, refused, seenWith, UNREADABLE } from '../case.ts'
import {
  CODING_400,
  CODING_501,
  EITHER,
  FOLD,
  OLD_CHUNKS,
  QUIET,
  SAME_LENGTHS,
  TWO_CODINGS,
} from '../reasons.ts'

/** A request that an app might take for the next one. */
const HIDDEN = 'GET /hidden HTTP/1.1\r\nHost: app.localhost\r\n\r\n'
/** The end of chunks, with the beginning of another request behind it. */
const NONE = '0\r\n\r\nG'
const UNKNOWN = refused(501, 'unknown_coding')

type Faulty = [name: string, rfc: string, headers: string[], body: string, differs?: Case['differs']]

/** POSTs whose framing is faulty: refused before the app sees anything of them. */
function refusing(answer: string | Refusal, faulty: readonly Faulty[]): Case[] {
  return faulty.map(([name, rfc, headers, body, differs = {}]) => {
    const sent = ask('POST /', ...headers) + body
    return { name: `${name} is refused`, rfc, sent, answer, upstream: '', differs }
  })
}

/** Where a request's body ends: Content-Length and Transfer-Encoding, alone and together. */
export const framing: Theme = {
  title: 'framing',
  cases: [
    {
      name: 'a body with a length goes through',
      rfc: '9112 6.2',
      sent: `${ask('POST /', 'Content-Length: 4')}body`,
      answer: OK_CLOSING,
      upstream: `${seenWith('content-length: 4', 'POST /')}body`,
    },
    {
      name: 'zeros before a length are only zeros',
      rfc: '9110 8.6',
      sent: `${ask('POST /', 'Content-Length: 0004')}body`,
      answer: OK_CLOSING,
      upstream: `${seenWith('content-length: 4', 'POST /')}body`,
    },
    {
      name: 'a length of nothing is no body',
      rfc: '9112 6.3',
      sent: ask('POST /', 'Content-Length: 0'),
      answer: OK_CLOSING,
      upstream: seenWith('content-length: 0', 'POST /'),
    },
    {
      name: 'a POST without a body is told to have none',
      rfc: '9110 8.6',
      sent: ask('POST /'),
      answer: OK_CLOSING,
      upstream: seenWith('content-length: 0', 'POST /'),
    },
    {
      name: 'a GET with a body keeps it',
      rfc: '9110 9.3.1',
      sent: ask('GET /', `Content-Length: ${HIDDEN.length}`) + HIDDEN,
      answer: OK_CLOSING,
      upstream: seenWith(`content-length: ${HIDDEN.length}`, 'GET /') + HIDDEN,
    },
    {
      name: 'a HEAD with a body keeps it',
      rfc: '9110 9.3.2',
      sent: ask('HEAD /', `Content-Length: ${HIDDEN.length}`) + HIDDEN,
      app: head('HTTP/1.1 200 OK', 'Date: then', 'Content-Length: 2'),
      answer: head('HTTP/1.1 200 OK', 'Date: then', 'Content-Length: 2', 'Connection: close'),
      upstream: once(seenWith(`content-length: ${HIDDEN.length}`, 'HEAD /')) + HIDDEN,
    },
    {
      name: 'chunked in another case is chunked',
      rfc: '9112 7',
      sent: `${ask('POST /', 'tRANSFER-eNCODING: \t CHUNKED')}4\r\nbody\r\n0\r\n\r\n`,
      answer: OK_CLOSING,
      upstream: `${seenWith('transfer-encoding: chunked', 'POST /')}4\r\nbody\r\n0\r\n\r\n`,
      differs: {
        nginx: 'it takes the tab before the value for a part of it; RFC 9110 has tabs for space there',
      },
    },
    {
      name: 'a space behind chunked is not part of it',
      rfc: '9110 5.5',
      sent: `${ask('POST /', 'Transfer-Encoding: chunked ')}4\r\nbody\r\n${NONE}`,
      answer: OK_CLOSING,
      upstream: `${seenWith('transfer-encoding: chunked', 'POST /')}4\r\nbody\r\n0\r\n\r\n`,
    },
    {
      name: 'a body shorter than its length, by a visitor who ends, does not become whole',
      rfc: '9112 8',
      sent: [{ write: `${ask('POST /', 'Content-Length: 9')}body` }, 'end'],
      answer: UNREADABLE,
      upstream: { atMost: `${seenWith('content-length: 9', 'POST /')}body` },
      differs: { nginx: QUIET, haproxy: QUIET },
    },
    {
      name: 'a length with an underscore, which some apps take for the length, does not reach them',
      rfc: '9112 6.3',
      sent: `${ask('POST /', 'Content_Length: 1', 'Transfer-Encoding: chunked')}4\r\nbody\r\n0\r\n\r\n`,
      answer: OK_CLOSING,
      upstream: `${seenWith('transfer-encoding: chunked', 'POST /')}4\r\nbody\r\n0\r\n\r\n`,
    },
    {
      name: 'a coding with an underscore, which some apps take for the coding, does not reach them',
      rfc: '9112 6.1',
      sent: `${ask('POST /', 'Transfer_Encoding: chunked', 'Content-Length: 5')}0\r\n\r\n`,
      answer: OK_CLOSING,
      upstream: `${seenWith('content-length: 5', 'POST /')}0\r\n\r\n`,
    },
    {
      name: 'chunks in HTTP/1.0 are refused, for most of its servers would not see them',
      rfc: '9112 6.1',
      sent: `${head('POST / HTTP/1.0', 'Host: app.localhost', 'Transfer-Encoding: chunked')}${NONE}`,
      answer: BAD_REQUEST,
      upstream: '',
      differs: { haproxy: OLD_CHUNKS },
    },
    {
      name: 'chunks in a kept HTTP/1.0 are refused, and what follows is not read',
      rfc: '9112 6.1',
      sent:
        head(
          'POST / HTTP/1.0',
          'Host: app.localhost',
          'Connection: keep-alive',
          'Transfer-Encoding: chunked',
        ) +
        head('0') +
        HIDDEN,
      answer: BAD_REQUEST,
      upstream: '',
      differs: { haproxy: OLD_CHUNKS },
    },
    ...refusing(UNREADABLE, [
      [
        'a length with chunks (CL.TE)',
        '9112 6.1',
        ['Content-Length: 6', 'Transfer-Encoding: chunked'],
        NONE,
        { haproxy: EITHER },
      ],
      [
        'chunks with a length (TE.CL)',
        '9112 6.1',
        ['Transfer-Encoding: chunked', 'Content-Length: 5'],
        NONE,
        { haproxy: EITHER },
      ],
      ['an empty length with chunks', '9112 6.1', ['Content-Length:', 'Transfer-Encoding: chunked'], NONE],
      ['a pair of different lengths', '9112 6.3', ['Content-Length: 0', 'Content-Length: 45'], HIDDEN],
      [
        'a pair of equal lengths',
        '9112 6.3',
        ['Content-Length: 1', 'Content-Length: 1'],
        'x',
        { haproxy: SAME_LENGTHS },
      ],
      ['a list of equal lengths', '9112 6.3', ['Content-Length: 1, 1'], 'x', { haproxy: SAME_LENGTHS }],
      ['a list of different lengths', '9112 6.3', ['Content-Length: 0, 45'], HIDDEN],
      ['a negative length', '9110 8.6', ['Content-Length: -1'], 'x'],
      ['a length with a plus', '9110 8.6', ['Content-Length: +1'], 'x'],
      ['a hexadecimal length', '9110 8.6', ['Content-Length: 0x1'], 'x'],
      ['a length with a fraction', '9110 8.6', ['Content-Length: 1.0'], 'x'],
      ['a length with a space in it', '9110 8.6', ['Content-Length: 1 0'], 'x'],
      ['a length in quotes', '9110 8.6', ['Content-Length: "1"'], 'x'],
      ['an empty length', '9110 8.6', ['Content-Length:'], ''],
      [
        'a length beyond 64 bits',
        '9110 8.6',
        ['Content-Length: 18446744073709551617'],
        'x',
        { haproxy: 'it passes the length on as it came, and the app waits for so much' },
      ],
      [
        'chunked twice in one header',
        '9112 6.1',
        ['Transfer-Encoding: chunked, chunked'],
        NONE,
        { nginx: CODING_501 },
      ],
      [
        'chunked in each of two headers',
        '9112 6.1',
        ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'],
        NONE,
      ],
      [
        'chunked before an identity',
        '9112 7',
        ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'],
        NONE,
      ],
      [
        'chunked before another coding',
        '9112 6.3',
        ['Transfer-Encoding: chunked, gzip'],
        NONE,
        { nginx: CODING_501 },
      ],
      [
        'chunked before a comma',
        '9112 7',
        ['Transfer-Encoding: chunked,'],
        NONE,
        {
          nginx: CODING_501,
          haproxy: 'it passes the coding on as it came, comma and all, for the app to make sense of',
        },
      ],
      [
        'chunked behind a vertical tab',
        '9112 7',
        ['Transfer-Encoding: \x0bchunked'],
        NONE,
        { nginx: CODING_501 },
      ],
      ['an empty coding', '9112 6.1', ['Transfer-Encoding:'], NONE, { nginx: CODING_501 }],
      [
        'a coding with a space before its colon',
        '9112 5.1',
        ['Transfer-Encoding : chunked', 'Content-Length: 5'],
        NONE,
      ],
      ['a coding on a folded line', '9112 5.2', ['Transfer-Encoding:\r\n chunked'], NONE, { haproxy: FOLD }],
      [
        'chunked with a tab behind it',
        '9112 7',
        ['Transfer-Encoding: chunked\t'],
        NONE,
        {
          nginx: CODING_501,
          haproxy: 'it takes the tab for space, as RFC 9110 has it; the parser here refuses it',
        },
      ],
    ]),
    ...refusing(UNKNOWN, [
      ['the coding identity', '9112 7', ['Transfer-Encoding: identity'], '', { haproxy: CODING_400 }],
      ['a coding that nobody knows', '9112 6.1', ['Transfer-Encoding: frob'], NONE, { haproxy: CODING_400 }],
      [
        'a coding before chunked',
        '9112 6.1',
        ['Transfer-Encoding: gzip, chunked'],
        NONE,
        { haproxy: CODING_400 },
      ],
      [
        'a coding in a header before chunked',
        '9112 6.1',
        ['Transfer-Encoding: gzip', 'Transfer-Encoding: chunked'],
        NONE,
        { nginx: TWO_CODINGS, haproxy: CODING_400 },
      ],
      [
        'an identity before chunked',
        '9112 7',
        ['Transfer-Encoding: identity', 'Transfer-Encoding: chunked'],
        NONE,
        { nginx: TWO_CODINGS, haproxy: CODING_400 },
      ],
      [
        'a coding that begins like chunked',
        '9112 7',
        ['Transfer-Encoding: chunkedx'],
        NONE,
        { haproxy: CODING_400 },
      ],
      [
        'a coding that ends like chunked',
        '9112 7',
        ['Transfer-Encoding: xchunked'],
        NONE,
        { haproxy: CODING_400 },
      ],
      [
        'chunked with a parameter',
        '9112 7.1',
        ['Transfer-Encoding: chunked;x=1'],
        NONE,
        { haproxy: CODING_400 },
      ],
      ['chunked in quotes', '9112 7', ['Transfer-Encoding: "chunked"'], NONE, { haproxy: CODING_400 }],
      ['chunked behind a comma', '9112 7', ['Transfer-Encoding: , chunked'], NONE, { haproxy: CODING_400 }],
    ]),
  ],
}
