import type { Theme } from '../case.ts'
import { ask, askOn, head, OK, OK_CLOSING, seen, seenWith, until, write } from '../case.ts'
import { NOT_BEHIND_UPGRADE } from '../reasons.ts'

const KEY = ['Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='] as const
const WEBSOCKET = ['Connection: Upgrade', 'Upgrade: websocket', ...KEY] as const
const SWITCHING = head(
  'HTTP/1.1 101 Switching Protocols',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
)

const SEEN = `${seen('GET /', ...KEY)
  .replace('host: ', 'Host: ')
  .replace('connection: keep-alive\r\n', '')
  .slice(0, -2)}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`

/** Requests for another protocol. */
export const upgrades: Theme = {
  title: 'upgrades',
  cases: [
    {
      name: 'once the app agrees, bytes go both ways until both have ended',
      rfc: '9110 7.8',
      sent: [write(askOn('GET /', ...WEBSOCKET)), until('\r\n\r\n'), write('ping'), until('pong'), 'end'],
      app: [until('\r\n\r\n'), write(SWITCHING), until('ping'), write('pong'), 'ended'],
      answer: `${SWITCHING}pong`,
      upstream: `${SEEN}ping`,
    },
    {
      name: 'bytes sent ahead of the agreement arrive behind it',
      rfc: '9110 7.8',
      sent: [write(`${askOn('GET /', ...WEBSOCKET)}ping`), until('pong'), 'end'],
      app: [until('\r\n\r\n'), write(`${SWITCHING}pong`), until('ping'), 'ended'],
      answer: `${SWITCHING}pong`,
      upstream: `${SEEN}ping`,
    },
    {
      name: 'an app that does not agree answers as usual, and nothing behind the request is read',
      rfc: '9110 7.8',
      sent: askOn('GET /', ...WEBSOCKET) + askOn('GET /hidden'),
      app: [until('\r\n\r\n'), write(OK)],
      answer: OK_CLOSING,
      upstream: SEEN,
      differs: { nginx: NOT_BEHIND_UPGRADE, haproxy: NOT_BEHIND_UPGRADE },
    },
    {
      name: 'h2c is not passed on, and nothing behind the request is read',
      rfc: '9113 3.1',
      sent:
        askOn('GET /', 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMA') +
        ask('GET /hidden'),
      answer: OK_CLOSING,
      upstream: seen('GET /'),
      differs: { nginx: NOT_BEHIND_UPGRADE, haproxy: NOT_BEHIND_UPGRADE },
    },
    {
      name: 'h2c in a list is not passed on either',
      rfc: '9113 3.1',
      sent: ask('GET /', 'Connection: Upgrade', 'Upgrade: websocket, H2C', ...KEY),
      answer: OK_CLOSING,
      upstream: seen('GET /', ...KEY),
    },
    {
      name: 'Upgrade that Connection does not list is not passed on',
      rfc: '9110 7.8',
      sent: ask('GET /', 'Upgrade: websocket'),
      answer: OK_CLOSING,
      upstream: seen('GET /'),
    },
    {
      name: 'a request with a body is not upgraded, and nothing behind it is read',
      rfc: '9110 7.8',
      sent: `${askOn('GET /', ...WEBSOCKET, 'Content-Length: 4')}body${ask('GET /hidden')}`,
      answer: OK_CLOSING,
      upstream: `${seenWith('content-length: 4', 'GET /', ...KEY)}body`,
      differs: { nginx: NOT_BEHIND_UPGRADE, haproxy: NOT_BEHIND_UPGRADE },
    },
    {
      name: 'a POST is not upgraded',
      rfc: '9110 7.8',
      sent: ask('POST /', ...WEBSOCKET),
      answer: OK_CLOSING,
      upstream: seenWith('content-length: 0', 'POST /', ...KEY),
    },
    {
      name: 'HTTP/1.0 is not upgraded',
      rfc: '9110 7.8',
      sent: head('GET / HTTP/1.0', 'Host: app.localhost', ...WEBSOCKET),
      answer: OK_CLOSING,
      upstream: seen('GET /', ...KEY),
    },
    {
      name: 'another protocol than was asked for is between the two',
      rfc: '9110 7.8',
      sent: [write(askOn('GET /', ...WEBSOCKET)), until('\r\n\r\n'), 'end'],
      app: [until('\r\n\r\n'), write(SWITCHING.replace('websocket', 'other')), 'ended'],
      answer: SWITCHING.replace('websocket', 'other'),
      upstream: SEEN,
    },
  ],
}
