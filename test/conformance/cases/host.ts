import type { Theme } from '../case.ts'
import { BAD_REQUEST, head, OK_CLOSING, refused, seenFor } from '../case.ts'
import { PORT } from '../reasons.ts'

const UNKNOWN = refused(404, 'unknown_host')

function withHosts(...hosts: string[]): string {
  return head('GET / HTTP/1.1', ...hosts, 'Connection: close')
}

/** The Host header: exactly one, and sent on as it came. */
export const host: Theme = {
  title: 'Host',
  cases: [
    {
      name: 'it goes on as it came, with its case and port',
      rfc: '9110 7.2',
      sent: withHosts('hOsT: APP.localhost:8080'),
      answer: OK_CLOSING,
      upstream: seenFor('APP.localhost:8080', 'GET /'),
    },
    {
      name: 'a dot at its end is the same host',
      rfc: '9110 4.2.3',
      sent: withHosts('Host: app.localhost.'),
      answer: OK_CLOSING,
      upstream: seenFor('app.localhost.', 'GET /'),
      differs: {
        haproxy: 'the rule it was given compares the name without the dot; a name with it is the same host',
      },
    },
    { name: 'none is refused', rfc: '9112 3.2', sent: withHosts(), answer: BAD_REQUEST, upstream: '' },
    {
      name: 'none is refused in HTTP/1.0 too, for nobody could say which app',
      rfc: '9110 7.2',
      sent: head('GET / HTTP/1.0'),
      answer: BAD_REQUEST,
      upstream: '',
    },
    {
      name: 'none is refused, although absolute-form names one',
      rfc: '9112 3.2.2',
      sent: head('GET http://app.localhost/ HTTP/1.1', 'Connection: close'),
      answer: BAD_REQUEST,
      upstream: '',
    },
    {
      name: 'two are refused',
      rfc: '9112 3.2',
      sent: withHosts('Host: app.localhost', 'Host: other.localhost'),
      answer: BAD_REQUEST,
      upstream: '',
    },
    {
      name: 'two that are the same are refused',
      rfc: '9112 3.2',
      sent: withHosts('Host: app.localhost', 'host: app.localhost'),
      answer: BAD_REQUEST,
      upstream: '',
      differs: { haproxy: 'it makes equal Host headers one; RFC 9112 asks for 400' },
    },
    {
      name: 'two of which one is empty are refused',
      rfc: '9112 3.2',
      sent: withHosts('Host: app.localhost', 'Host:'),
      answer: BAD_REQUEST,
      upstream: '',
    },
    {
      name: 'an empty one is refused',
      rfc: '9112 3.2',
      sent: withHosts('Host:'),
      answer: BAD_REQUEST,
      upstream: '',
    },
    {
      name: 'another host is not found',
      rfc: '9110 7.4',
      sent: withHosts('Host: other.localhost'),
      answer: UNKNOWN,
      upstream: '',
    },
    {
      name: 'a list is refused',
      rfc: '9110 7.2',
      sent: withHosts('Host: app.localhost, other.localhost'),
      answer: BAD_REQUEST,
      upstream: '',
      differs: { haproxy: 'it takes any name of a list for the host; RFC 9112 asks for 400' },
    },
    {
      name: 'one with userinfo is refused',
      rfc: '9110 7.2',
      sent: withHosts('Host: evil@app.localhost'),
      answer: BAD_REQUEST,
      upstream: '',
    },
    {
      name: 'one with a path is refused',
      rfc: '9110 7.2',
      sent: withHosts('Host: app.localhost/x'),
      answer: BAD_REQUEST,
      upstream: '',
    },
    {
      name: 'one with a space is refused',
      rfc: '9112 3.2',
      sent: withHosts('Host: evil.test app.localhost'),
      answer: BAD_REQUEST,
      upstream: '',
    },
    {
      name: 'one whose port is no number is refused',
      rfc: '9112 3.2',
      sent: withHosts('Host: app.localhost:evil'),
      answer: BAD_REQUEST,
      upstream: '',
      differs: { nginx: PORT, haproxy: PORT },
    },
    {
      name: 'one whose port hides another host is refused',
      rfc: '9112 3.2',
      sent: withHosts('Host: app.localhost:@evil.test'),
      answer: BAD_REQUEST,
      upstream: '',
      differs: { nginx: PORT, haproxy: PORT },
    },
    {
      name: 'a port of nothing is no port',
      rfc: '9110 4.2.3',
      sent: withHosts('Host: app.localhost:'),
      answer: OK_CLOSING,
      upstream: seenFor('app.localhost:', 'GET /'),
    },
    {
      name: 'one with bytes beyond ASCII is refused',
      rfc: '9112 3.2',
      sent: withHosts('Host: \xe4pp.localhost'),
      answer: BAD_REQUEST,
      upstream: '',
    },
    {
      name: 'one with a space before its colon is refused',
      rfc: '9112 5.1',
      sent: head('GET / HTTP/1.1', 'Host : other.localhost', 'Host: app.localhost', 'Connection: close'),
      answer: 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n',
      upstream: '',
    },
    {
      name: 'an X-Forwarded-Host does not route',
      rfc: '7239 8.1',
      sent: withHosts('Host: other.localhost', 'X-Forwarded-Host: app.localhost'),
      answer: UNKNOWN,
      upstream: '',
    },
  ],
}
