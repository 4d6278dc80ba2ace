import type { AccessRecord } from '../edge/context.ts'

/** A record of an ordinary request, for tests; `more` is what is not ordinary about it. */
export function record(more: Partial<AccessRecord> = {}): AccessRecord {
  return {
    app: 'notes',
    method: 'GET',
    path: '/a',
    requestId: 'r1',
    protocol: '1.1',
    visitor: '203.0.113.7',
    status: 200,
    code: undefined,
    received: 0,
    sent: 5,
    ms: 2,
    wake: 'none',
    wakeMs: undefined,
    upstreamMs: 1.5,
    first: false,
    aborted: undefined,
    ...more,
  }
}
