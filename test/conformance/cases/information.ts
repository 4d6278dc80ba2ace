import type { Theme } from '../case.ts'
import {
  ask,
  askOn,
  BROKEN_ANSWER,
  closing,
  head,
  OK,
  OK_CLOSING,
  OK_KEEPING,
  seen,
  seenWith,
  until,
  write,
} from '../case.ts'
import { EXPECTATION, UNASKED_100 } from '../reasons.ts'

const PUT = ['PUT /', 'Expect: 100-continue', 'Content-Length: 4'] as const
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'
const HINTS = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n'

/** What an app sees of a request with Expect, which gets a connection of its own. */
function seenAlone(line: string, length: string): string {
  return `${seen(line)
    .replace('host: ', 'Host: ')
    .replace('connection: keep-alive\r\n', length)
    .slice(0, -2)}Connection: close\r\nExpect: 100-continue\r\n\r\n`
}
const SEEN = seenAlone('PUT /', 'Content-Length: 4\r\n')

/** Answers before the answer (1xx), and the wish for one. */
export const information: Theme = {
  title: 'information',
  cases: [
    {
      name: 'the app itself asks for the body',
      rfc: '9110 10.1.1',
      sent: [write(ask(...PUT)), until(CONTINUE), write('body')],
      app: [until('\r\n\r\n'), write(CONTINUE), until('body'), write(OK)],
      answer: [CONTINUE, OK_CLOSING],
      upstream: `${SEEN}body`,
    },
    {
      name: 'the app can refuse the body, which then does not come',
      rfc: '9110 10.1.1',
      sent: [write(askOn(...PUT)), until('no')],
      app: [
        until('\r\n\r\n'),
        write(head('HTTP/1.1 401 Unauthorized', 'Date: then', 'Content-Length: 2')),
        write('no'),
      ],
      answer: `${closing('401 Unauthorized', 'Date: then', 'Content-Length: 2')}no`,
      upstream: SEEN,
    },
    {
      name: 'an app that answers without asking has the body anyway when the visitor did not wait',
      rfc: '9110 10.1.1',
      sent: `${ask(...PUT)}body`,
      app: [until('body'), write(OK)],
      answer: OK_CLOSING,
      upstream: `${SEEN}body`,
    },
    {
      name: 'a 100 asked for by an app once more is passed on once more',
      rfc: '9110 15.2',
      sent: [write(ask(...PUT)), until(CONTINUE + CONTINUE), write('body')],
      app: [until('\r\n\r\n'), write(CONTINUE + CONTINUE), until('body'), write(OK)],
      answer: [CONTINUE, CONTINUE, OK_CLOSING],
      upstream: `${SEEN}body`,
      differs: { nginx: 'it asks for the body itself, and takes the app’s 100 for the answer' },
    },
    {
      name: 'a 100 that nobody expects is taken for a broken answer',
      rfc: '9110 15.2.1',
      sent: ask('GET /'),
      app: CONTINUE + OK,
      answer: BROKEN_ANSWER,
      upstream: seen('GET /'),
      differs: {
        nginx: 'it takes the 100 for the answer and the answer for its body; here it is a fault of the app',
        haproxy: UNASKED_100,
      },
    },
    {
      name: 'an expectation without a body is passed on, and the app decides',
      rfc: '9110 10.1.1',
      sent: ask('GET /', 'Expect: 100-continue'),
      answer: OK_CLOSING,
      upstream: seenAlone('GET /', ''),
    },
    {
      name: 'an expectation in another case is the same',
      rfc: '9110 10.1.1',
      sent: `${ask('PUT /', 'Expect: 100-Continue', 'Content-Length: 4')}body`,
      app: [until('body'), write(OK)],
      answer: OK_CLOSING,
      upstream: `${SEEN}body`,
    },
    {
      name: 'an expectation that nobody knows is refused',
      rfc: '9110 10.1.1',
      sent: ask('GET /', 'Expect: wonders'),
      answer:
        head(
          'HTTP/1.1 417 Expectation Failed',
          'Date: <now>',
          'Connection: close',
          'Transfer-Encoding: chunked',
        ) + head('0'),
      upstream: '',
      differs: { nginx: EXPECTATION, haproxy: EXPECTATION },
    },
    {
      name: 'an expectation in HTTP/1.0 is none',
      rfc: '9110 10.1.1',
      sent: [
        write(head('PUT / HTTP/1.0', 'Host: app.localhost', 'Expect: 100-continue', 'Content-Length: 4')),
        write('body'),
      ],
      answer: OK_CLOSING,
      upstream: `${seenWith('content-length: 4', 'PUT /')}body`,
    },
    {
      name: 'early hints go ahead of the answer',
      rfc: '8297 2',
      sent: ask('GET /'),
      app: HINTS + OK,
      answer: [HINTS, OK_CLOSING],
      upstream: seen('GET /'),
    },
    {
      name: 'early hints may come more than once, and the connection goes on',
      rfc: '9110 15.2',
      sent: askOn('GET /'),
      app: HINTS + HINTS + OK,
      answer: [HINTS, HINTS, OK_KEEPING],
      kept: true,
      upstream: seen('GET /'),
      differs: {
        nginx: 'it takes the 103 for the answer, and ends the connection behind what it takes for its body',
      },
    },
    {
      name: 'hop-by-hop headers of early hints end here',
      rfc: '9110 7.6.1',
      sent: ask('GET /'),
      app:
        head('HTTP/1.1 103 Early Hints', 'Connection: X-Hop', 'X-Hop: 1', 'Link: </a.css>; rel=preload') + OK,
      answer: [HINTS, OK_CLOSING],
      upstream: seen('GET /'),
    },
    {
      name: 'HTTP/1.0 gets no early hints',
      rfc: '9110 15.2',
      sent: head('GET / HTTP/1.0', 'Host: app.localhost'),
      app: HINTS + OK,
      answer: OK_CLOSING,
      upstream: seen('GET /'),
    },
    {
      name: 'information that nobody knows is passed on, without its phrase',
      rfc: '9110 15.2',
      sent: ask('GET /'),
      app: `HTTP/1.1 199 Well\r\nX-A: 1\r\n\r\n${OK}`,
      answer: ['HTTP/1.1 199 unknown\r\nX-A: 1\r\n\r\n', OK_CLOSING],
      upstream: seen('GET /'),
    },
    {
      name: 'a flood of information is passed on, and the answer after it',
      rfc: '9110 15.2',
      sent: ask('GET /'),
      app: HINTS.repeat(500) + OK,
      answer: [HINTS.repeat(500), OK_CLOSING],
      upstream: seen('GET /'),
    },
  ],
}
