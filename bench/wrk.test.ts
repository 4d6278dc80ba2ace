import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readWrk } from './wrk.ts'

const report = (more = '') => `Running 3s test @ http://127.0.0.1:8080/
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.02ms  113.44us   3.10ms   88.17%
    Req/Sec    31.34k     1.29k   33.11k    76.67%
  93564 requests in 3.00s, 11.42MB read
${more}Requests/sec:  31186.22
Transfer/sec:      3.81MB
`

test('requests and requests per second are read from wrk’s report', () => {
  assert.deepEqual(readWrk(report()), { requests: 93564, perSecond: 31186.22 })
})

test('a run with failed requests counts for nothing', () => {
  assert.throws(() => readWrk(report('  Non-2xx or 3xx responses: 12\n')), /Non-2xx or 3xx responses: 12/)
  assert.throws(
    () => readWrk(report('  Socket errors: connect 0, read 3, write 0, timeout 0\n')),
    /Socket errors: connect 0, read 3/,
  )
  assert.throws(() => readWrk('unable to connect'), /counted nothing/)
})
