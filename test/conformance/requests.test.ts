import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readRequests } from './requests.ts'

const cases: [name: string, bytes: string, requests: number, rest: string][] = [
  [
    'requests one after the other are told apart',
    'GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\nA: b\r\n\r\n',
    2,
    '',
  ],
  ['a body with a length belongs to its request', 'PUT / HTTP/1.1\r\ncontent-length: 4\r\n\r\nbodyG', 1, 'G'],
  [
    'chunks and trailers belong to their request',
    'PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\nX: 1\r\n\r\nG',
    1,
    'G',
  ],
  [
    'a request whose body is not all there is none',
    'PUT / HTTP/1.1\r\nContent-Length: 5\r\n\r\nbody',
    0,
    'PUT / HTTP/1.1\r\nContent-Length: 5\r\n\r\nbody',
  ],
  [
    'a request with two framings is none',
    'PUT / HTTP/1.1\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    0,
    'PUT / HTTP/1.1\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
]

for (const [name, bytes, requests, rest] of cases) {
  test(name, () => {
    const read = readRequests(bytes)
    assert.deepEqual({ requests: read.requests.length, rest: read.rest }, { requests, rest })
  })
}
