import assert from 'node:assert/strict'
import type { Case, Refusal } from './case.ts'

/** Checks all that a visitor received against what a case expects. */
export function expectAnswer(received: string, expected: Case['answer']): void {
  const parts = (typeof expected === 'object' && 'refused' in expected ? [expected] : [expected]).flat()
  const last = parts.at(-1)
  const exact = parts.filter(part => typeof part === 'string').join('')
  if (typeof last !== 'object') {
    assert.equal(withoutNow(received), exact)
    return
  }
  const text = withoutNow(received)
  assert.equal(text.slice(0, exact.length), exact)
  expectRefusal(text.slice(exact.length), last)
}

function expectRefusal(received: string, { refused, code }: Refusal): void {
  const [head = '', body = '', ...more] = received.split('\r\n\r\n')
  const [line = '', ...headers] = head.split('\r\n')
  assert.equal(line.split(' ').slice(0, 2).join(' '), `HTTP/1.1 ${refused}`, received)
  assert.deepEqual(more, [])
  const value = (name: string) =>
    headers.find(header => header.startsWith(`${name}: `))?.slice(name.length + 2)
  assert.equal(value('X-Dormice-Error'), code)
  assert.equal(value('Content-Length') ?? '0', String(body.length))
}

/** Without what differs from run to run: the date that the edge adds. */
export function withoutNow(received: string): string {
  return received.replace(/(?<=\r\nDate: )\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT(?=\r\n)/g, '<now>')
}

/** Checks what the app saw against what a case expects. */
export function expectUpstream(records: readonly string[], expected: Case['upstream']): void {
  if (typeof expected === 'object' && 'atMost' in expected) {
    const [record = '', ...more] = records.map(withoutId)
    assert.equal(record, expected.atMost.slice(0, record.length))
    assert.deepEqual(more, [])
    return
  }
  const wanted = [expected].flat().filter(text => text !== '')
  assert.deepEqual(records.map(withoutId), wanted)
}

function withoutId(record: string): string {
  return record.replace(/(?<=\r\nX-Request-Id: )[0-9a-f]{12}-[0-9a-z]+(?=\r\n)/g, '<id>')
}
