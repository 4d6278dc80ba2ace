import type { Case, Theme } from '../case.ts'
import {
  ask,
  askOn,
  BROKEN_ANSWER,
  head,
  keeping,
  OK,
  OK_CLOSING,
  OK_KEEPING,
  once,
  seen,
  until,
  write,
} from '../case.ts'
import {
  ANSWER_CODING,
  ANSWER_FRAMING,
  CONTROL,
  FOLD,
  LF,
  NO_COLON,
  NO_STATUS,
  SAME_LENGTHS,
} from '../reasons.ts'

const EVIL = 'HTTP/1.1 200 OK\r\nDate: then\r\nContent-Length: 4\r\n\r\nevil'

/** What comes of chunks that break off. */
const CHUNKS = `${head(
  'HTTP/1.1 200 OK',
  'Date: then',
  'Connection: keep-alive',
  'Transfer-Encoding: chunked',
)}2\r\nok\r\n`

type Broken = [name: string, rfc: string, answer: string, differs?: Case['differs']]

/** Answers of which nothing is passed on. The app ends its connection after them. */
function refusing(broken: readonly Broken[]): Case[] {
  return broken.map(([name, rfc, answer, differs = {}]) => ({
    name: `${name} is a 502`,
    rfc,
    sent: ask('POST /'),
    app: [until('\r\n\r\n'), write(answer), 'end'],
    answer: BROKEN_ANSWER,
    upstream: `${seen('POST /').slice(0, -2)}content-length: 0\r\n\r\n`,
    differs,
  }))
}

/** A GET whose answer is cut off: the visitor sees that it is. */
function cut(name: string, rfc: string, app: string, answer: string, differs: Case['differs'] = {}): Case {
  return {
    name: `${name} is seen to be cut off`,
    rfc,
    sent: askOn('GET /'),
    app: [until('\r\n\r\n'), write(app), 'end'],
    answer,
    upstream: seen('GET /'),
    differs,
  }
}

/** Answers as they should not be. */
export const brokenAnswers: Theme = {
  title: 'broken answers',
  cases: [
    ...refusing([
      ['no answer at all', '9112 6.3', ''],
      [
        'what is no HTTP',
        '9112 4',
        'hello\r\n\r\n',
        { nginx: 'it takes the answer for one of HTTP/0.9 and passes it on without a head' },
      ],
      [
        'a status of two digits',
        '9112 4',
        'HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok',
        { nginx: NO_STATUS, haproxy: NO_STATUS },
      ],
      [
        'a status of four digits',
        '9112 4',
        'HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok',
        { nginx: NO_STATUS, haproxy: NO_STATUS },
      ],
      [
        'a status of letters',
        '9112 4',
        'HTTP/1.1 abc OK\r\nContent-Length: 2\r\n\r\nok',
        { nginx: NO_STATUS },
      ],
      [
        'a status below 100',
        '9110 15',
        'HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nok',
        { nginx: NO_STATUS, haproxy: NO_STATUS },
      ],
      ['a head that breaks off', '9112 8', 'HTTP/1.1 200 OK\r\nDate: then\r\nContent-'],
      [
        'a length with chunks',
        '9112 6.1',
        'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
        { nginx: ANSWER_FRAMING, haproxy: ANSWER_FRAMING },
      ],
      [
        'a pair of different lengths',
        '9112 6.3',
        'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!',
        { nginx: ANSWER_FRAMING },
      ],
      [
        'a list of lengths',
        '9112 6.3',
        'HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok',
        { nginx: ANSWER_FRAMING, haproxy: SAME_LENGTHS },
      ],
      [
        'a negative length',
        '9110 8.6',
        'HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok',
        { nginx: ANSWER_FRAMING },
      ],
      [
        'a length with a plus',
        '9110 8.6',
        'HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok',
        { nginx: ANSWER_FRAMING },
      ],
      [
        'a coding that nobody knows',
        '9112 6.1',
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: frob\r\n\r\nok',
        { nginx: ANSWER_CODING },
      ],
      [
        'a coding before chunked',
        '9112 6.1',
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
        { nginx: ANSWER_CODING },
      ],
      ['a space before a colon', '9112 5.1', 'HTTP/1.1 200 OK\r\nX-A : 1\r\nContent-Length: 2\r\n\r\nok'],
      [
        'a folded line',
        '9112 5.2',
        'HTTP/1.1 200 OK\r\nX-A: 1\r\n 2\r\nContent-Length: 2\r\n\r\nok',
        { haproxy: FOLD },
      ],
      [
        'a bare CR in a header',
        '9112 2.2',
        'HTTP/1.1 200 OK\r\nX-A: 1\rX-B: 2\r\nContent-Length: 2\r\n\r\nok',
      ],
      [
        'a bare LF in a header',
        '9112 2.2',
        'HTTP/1.1 200 OK\r\nX-A: 1\nX-B: 2\r\nContent-Length: 2\r\n\r\nok',
        { nginx: LF, haproxy: LF },
      ],
      [
        'a NUL in a header',
        '9110 5.5',
        'HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 2\r\n\r\nok',
        { haproxy: CONTROL },
      ],
      [
        'a header without a colon',
        '9112 5',
        'HTTP/1.1 200 OK\r\nX-A\r\nContent-Length: 2\r\n\r\nok',
        { nginx: NO_COLON },
      ],
      [
        'headers over 64 KiB',
        '9110 5.4',
        `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(70_000)}\r\nContent-Length: 2\r\n\r\nok`,
      ],
      [
        'a 101 that nobody asked for',
        '9110 15.2.2',
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
        { nginx: 'it passes the 101 on; the visitor asked for no other protocol' },
      ],
      [
        'information without an answer',
        '9110 15.2',
        'HTTP/1.1 100 Continue\r\n\r\n',
        { nginx: 'it takes the 100 for the answer and passes it on as the last one' },
      ],
    ]),
    cut(
      'a body shorter than its length',
      '9112 8',
      `${head('HTTP/1.1 200 OK', 'Date: then', 'Content-Length: 9')}ok`,
      `${keeping('200 OK', 'Date: then', 'Content-Length: 9')}ok`,
    ),
    cut(
      'a body of chunks without a last one',
      '9112 8',
      `${head('HTTP/1.1 200 OK', 'Date: then', 'Transfer-Encoding: chunked')}2\r\nok\r\n`,
      CHUNKS,
    ),
    cut(
      'a chunk that breaks off',
      '9112 8',
      `${head('HTTP/1.1 200 OK', 'Date: then', 'Transfer-Encoding: chunked')}9\r\nok`,
      CHUNKS,
    ),
    cut(
      'a body with a chunk that is none',
      '9112 7.1',
      `${head('HTTP/1.1 200 OK', 'Date: then', 'Transfer-Encoding: chunked')}2\r\nok\r\nx\r\n`,
      CHUNKS,
      {
        nginx: 'it ends without a word, and the good beginning of the answer is lost',
        haproxy:
          'it has not passed the head on yet and can still say 502; here what came first went out at once',
      },
    ),
    {
      name: 'what follows an answer on its connection reaches nobody',
      rfc: '9112 6.3',
      sent: askOn('GET /'),
      app: [until('\r\n\r\n'), write(OK + EVIL)],
      answer: OK_KEEPING,
      kept: true,
      upstream: seen('GET /'),
    },
    {
      name: 'what follows the answer to HEAD reaches nobody',
      rfc: '9110 9.3.2',
      sent: askOn('HEAD /'),
      app: [until('\r\n\r\n'), write(OK + EVIL)],
      answer: keeping('200 OK', 'Date: then', 'Content-Length: 2'),
      kept: true,
      upstream: once(seen('HEAD /')),
    },
    {
      name: 'what follows a 204 reaches nobody',
      rfc: '9112 6.3',
      sent: askOn('GET /'),
      app: [until('\r\n\r\n'), write(`HTTP/1.1 204 No Content\r\nDate: then\r\n\r\n${EVIL}`)],
      answer: keeping('204 No Content', 'Date: then'),
      kept: true,
      upstream: seen('GET /'),
    },
    {
      name: 'what follows a 304 with a length reaches nobody',
      rfc: '9112 6.3',
      sent: askOn('GET /'),
      app: [
        until('\r\n\r\n'),
        write(`HTTP/1.1 304 Not Modified\r\nDate: then\r\nContent-Length: 4\r\n\r\n${EVIL}`),
      ],
      answer: keeping('304 Not Modified', 'Date: then', 'Content-Length: 4'),
      kept: true,
      upstream: seen('GET /'),
    },
    {
      name: 'a status line of HTTP/2 is read as one of HTTP/1.1',
      rfc: '9112 2.3',
      sent: ask('GET /'),
      app: OK.replace('HTTP/1.1', 'HTTP/2.0'),
      answer: OK_CLOSING,
      upstream: seen('GET /'),
    },
    {
      name: 'a 204 with a length and a body passes on neither body nor what follows',
      rfc: '9110 8.6',
      sent: askOn('GET /'),
      app: [
        until('\r\n\r\n'),
        write('HTTP/1.1 204 No Content\r\nDate: then\r\nContent-Length: 4\r\n\r\nevil'),
      ],
      answer: keeping('204 No Content', 'Date: then'),
      kept: true,
      upstream: seen('GET /'),
    },
  ],
}
