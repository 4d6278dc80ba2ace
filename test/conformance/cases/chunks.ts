import type { Case, Theme } from '../case.ts'
import { ask, askOn, head, OK_CLOSING, OK_KEEPING, refused, seen, seenWith, UNREADABLE } from '../case.ts'
import { CHUNK_SPACE, LF, QUIET, TRAILERS_DROPPED, TRAILERS_PASSED } from '../reasons.ts'

const CHUNKED = 'Transfer-Encoding: chunked'
const SEEN = seenWith('transfer-encoding: chunked', 'POST /')
/** What an app sees of a request whose trailers are announced; it gets a connection of its own. */
const SEEN_ALONE = `${seen('POST /')
  .replace('host: ', 'Host: ')
  .replace('connection: keep-alive\r\n', '')
  .slice(0, -2)}Connection: close\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n`

type Faulty = [name: string, rfc: string, body: string, differs?: Case['differs']]

/** Chunks that cannot be read, from the first byte on: nothing of them reaches the app as a whole request. */
function refusing(faulty: readonly Faulty[]): Case[] {
  return faulty.map(([name, rfc, body, differs = {}]) => {
    const sent = askOn('POST /', CHUNKED) + body
    return { name: `${name} is refused`, rfc, sent, answer: UNREADABLE, upstream: '', differs }
  })
}

/** Request bodies in chunks. */
export const chunks: Theme = {
  title: 'chunks',
  cases: [
    {
      name: 'no chunks are an empty body',
      rfc: '9112 7.1',
      sent: `${ask('POST /', CHUNKED)}0\r\n\r\n`,
      answer: OK_CLOSING,
      upstream: seenWith('content-length: 0', 'POST /'),
    },
    {
      name: 'chunks keep the connection good for the next request',
      rfc: '9112 9.3',
      sent: `${askOn('POST /', CHUNKED)}4\r\nbody\r\n0\r\n\r\n`,
      answer: OK_KEEPING,
      kept: true,
      upstream: `${SEEN}4\r\nbody\r\n0\r\n\r\n`,
    },
    {
      name: 'sizes in capitals and with zeros before them are sizes',
      rfc: '9112 7.1',
      sent: `${ask('POST /', CHUNKED)}000A\r\n0123456789\r\n0000\r\n\r\n`,
      answer: OK_CLOSING,
      upstream: `${SEEN}a\r\n0123456789\r\n0\r\n\r\n`,
    },
    {
      name: 'extensions of chunks end here',
      rfc: '9112 7.1.1',
      sent: `${ask('POST /', CHUNKED)}4;a=1;b="2"\r\nbody\r\n0;c\r\n\r\n`,
      answer: OK_CLOSING,
      upstream: `${SEEN}4\r\nbody\r\n0\r\n\r\n`,
    },
    {
      name: 'extensions without end are refused',
      rfc: '9112 7.1.1',
      sent: `${ask('POST /', CHUNKED)}4;${'a'.repeat(20_000)}\r\nbody\r\n0\r\n\r\n`,
      answer: refused(413),
      upstream: '',
      differs: {
        nginx: 'it reads extensions without a bound; nobody uses them, and they cost whoever reads them',
      },
    },
    {
      name: 'a chunk that looks like a request stays in its body',
      rfc: '9112 7.1',
      sent: `${ask('POST /', CHUNKED)}1c\r\nGET /hidden HTTP/1.1\r\nA: b\r\n\r\n0\r\n\r\n`,
      answer: OK_CLOSING,
      upstream: `${SEEN}1c\r\nGET /hidden HTTP/1.1\r\nA: b\r\n\r\n0\r\n\r\n`,
    },
    {
      name: 'trailers that were announced reach the app',
      rfc: '9110 6.5.1',
      sent: `${ask('POST /', 'Trailer: X-Sum', CHUNKED)}4\r\nbody\r\n0\r\nX-Sum: 6\r\n\r\n`,
      answer: OK_CLOSING,
      upstream: `${SEEN_ALONE}4\r\nbody\r\n0\r\nX-Sum: 6\r\n\r\n`,
    },
    {
      name: 'trailers that may not be trailers do not reach the app',
      rfc: '9110 6.5.1',
      sent:
        ask('POST /', 'Trailer: X-Sum', CHUNKED) +
        head(
          '4',
          'body',
          '0',
          'Host: evil.test',
          'X-Sum: 6',
          'X-Forwarded-For: 10.0.0.1',
          'Content_Length: 9',
        ),
      answer: OK_CLOSING,
      upstream: `${SEEN_ALONE}4\r\nbody\r\n0\r\nX-Sum: 6\r\n\r\n`,
    },
    {
      name: 'a length for a trailer is refused',
      rfc: '9110 6.5.1',
      sent: `${askOn('POST /', CHUNKED)}4\r\nbody\r\n0\r\nContent-Length: 9\r\n\r\n`,
      answer: UNREADABLE,
      upstream: '',
      differs: { nginx: TRAILERS_DROPPED, haproxy: TRAILERS_PASSED },
    },
    {
      name: 'a coding for a trailer is refused',
      rfc: '9110 6.5.1',
      sent: `${askOn('POST /', CHUNKED)}4\r\nbody\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n`,
      answer: UNREADABLE,
      upstream: '',
      differs: { nginx: TRAILERS_DROPPED, haproxy: TRAILERS_PASSED },
    },
    {
      name: 'trailers that nobody announced are dropped',
      rfc: '9110 6.5.1',
      sent: `${ask('POST /', CHUNKED)}4\r\nbody\r\n0\r\nX-Sum: 6\r\n\r\n`,
      answer: OK_CLOSING,
      upstream: `${SEEN}4\r\nbody\r\n0\r\n\r\n`,
    },
    {
      name: 'trailers that were announced and never come are none',
      rfc: '9110 6.5.1',
      sent: `${ask('POST /', 'Trailer: X-Sum', CHUNKED)}4\r\nbody\r\n0\r\n\r\n`,
      answer: OK_CLOSING,
      upstream: `${SEEN_ALONE}4\r\nbody\r\n0\r\n\r\n`,
    },
    {
      name: 'chunks that break off, by a visitor who ends, do not become whole',
      rfc: '9112 8',
      sent: [{ write: `${ask('POST /', CHUNKED)}4\r\nbody\r\n` }, 'end'],
      answer: UNREADABLE,
      upstream: { atMost: `${SEEN}4\r\nbody` },
      differs: { nginx: QUIET, haproxy: QUIET },
    },
    ...refusing([
      ['a size that is no number', '9112 7.1', 'G\r\nbody\r\n0\r\n\r\n'],
      ['a size that begins with 0x', '9112 7.1', '0x4\r\nbody\r\n0\r\n\r\n'],
      ['a negative size', '9112 7.1', '-4\r\nbody\r\n0\r\n\r\n'],
      ['a size with a plus', '9112 7.1', '+4\r\nbody\r\n0\r\n\r\n'],
      ['a size with a space before it', '9112 7.1', ' 4\r\nbody\r\n0\r\n\r\n'],
      [
        'a size with a space behind it',
        '9112 7.1',
        '4 \r\nbody\r\n0\r\n\r\n',
        { nginx: CHUNK_SPACE, haproxy: CHUNK_SPACE },
      ],
      ['an empty size', '9112 7.1', '\r\nbody\r\n0\r\n\r\n'],
      ['an empty size with an extension', '9112 7.1.1', ';a\r\nbody\r\n0\r\n\r\n'],
      ['a size beyond 64 bits', '9112 7.1', '10000000000000004\r\nbody\r\n0\r\n\r\n'],
      ['a size that ends with a bare LF', '9112 7.1', '4\nbody\r\n0\r\n\r\n', { nginx: LF, haproxy: LF }],
      ['a size that ends with a bare CR', '9112 7.1', '4\rbody\r\n0\r\n\r\n'],
      ['an extension with a bare LF', '9112 7.1.1', '4;\nbody\r\n0\r\n\r\n', { nginx: LF, haproxy: LF }],
      ['an extension with a bare CR', '9112 7.1.1', '4;a\rb\r\nbody\r\n0\r\n\r\n'],
    ]),
    {
      name: 'a chunk longer than its size is refused',
      rfc: '9112 7.1',
      sent: `${askOn('POST /', CHUNKED)}3\r\nbody\r\n0\r\n\r\n`,
      answer: UNREADABLE,
      upstream: '',
    },
    {
      name: 'a chunk that ends with a bare LF is refused',
      rfc: '9112 7.1',
      sent: `${askOn('POST /', CHUNKED)}4\r\nbody\n0\r\n\r\n`,
      answer: UNREADABLE,
      upstream: '',
      differs: { nginx: LF, haproxy: LF },
    },
    {
      name: 'a last chunk that ends with a bare LF is refused',
      rfc: '9112 7.1',
      sent: `${askOn('POST /', CHUNKED)}4\r\nbody\r\n0\n\n`,
      answer: UNREADABLE,
      upstream: '',
      differs: { nginx: LF, haproxy: LF },
    },
    {
      name: 'a trailer without a colon is refused',
      rfc: '9112 7.1.2',
      sent: `${askOn('POST /', CHUNKED)}4\r\nbody\r\n0\r\nX-Sum\r\n\r\n`,
      answer: UNREADABLE,
      upstream: '',
      differs: {
        nginx:
          'it drops all trailers without looking at them; where one cannot be read, neither can what follows',
      },
    },
    {
      name: 'a trailer with a bare LF is refused',
      rfc: '9112 7.1.2',
      sent: `${askOn('POST /', CHUNKED)}4\r\nbody\r\n0\r\nX-Sum: 6\nX-B: 1\r\n\r\n`,
      answer: UNREADABLE,
      upstream: '',
      differs: { nginx: LF, haproxy: LF },
    },
  ],
}
