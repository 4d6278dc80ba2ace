import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as apps from '../apps/problems.ts'
import type { Problem } from '../problem.ts'
import * as failures from './failures.ts'
import { answerTo, bareDomain, unknownHost } from './pages.ts'

/** What only callers of the control API are told. */
const NOT_FOR_VISITORS = new Set([
  'not_ready',
  'sleep_cancelled',
  'freeze_refused',
  'freeze_off',
  'release_not_ready',
])

function withCode(code: string): Error {
  return Object.assign(new Error(code), { code })
}

/** Every problem that a request to an app can end in. */
function problems(): Problem[] {
  const make = Object.values(apps) as ((...args: unknown[]) => Problem)[]
  return [
    ...make.map(problem => problem('hush', 1, 'hush', 1)),
    failures.upstreamProblem(withCode('UND_ERR_INVALID_ARG')),
    failures.upstreamProblem(withCode('ECONNREFUSED')),
    failures.upstreamProblem(withCode('ECONNRESET')),
    failures.answerTimeout(),
    failures.appStopping(),
  ].filter(({ code }) => !NOT_FOR_VISITORS.has(code))
}

for (const problem of problems()) {
  test(`a visitor who meets ${problem.code} is told in a sentence of its own, without internals`, () => {
    const { status, code, text, retryAfter } = answerTo(problem)
    assert.deepEqual([status, code, retryAfter], [problem.status, problem.code, problem.retryAfter])
    assert.doesNotMatch(text, /cannot answer at the moment \(|hush/)
    assert.match(text, /^[A-Z].*\.$/)
  })
}

test('every answer that asks to come back says so in words too', () => {
  for (const problem of problems()) {
    if (problem.retryAfter !== undefined) assert.match(answerTo(problem).text, /[Tt]ry again/, problem.code)
  }
})

for (const [host, port] of [
  ['nobody.localhost', ''],
  ['nobody.localhost:8080', ':8080'],
  ['192.0.2.1:8080', ':8080'],
  ['[2001:db8::1]:8080', ':8080'],
  ['[2001:db8::1]', ''],
  ['2001:db8::1', ''],
  ['nobody.localhost:x', ''],
] as const) {
  test(`who asked for ${host} is shown addresses on the port they came by`, () => {
    assert.match(unknownHost(host, 'localhost').text, new RegExp(` at <app>\\.localhost${port}\\. `))
    assert.match(
      bareDomain(host, 'localhost').text,
      new RegExp(` at localhost${port} .* <app>\\.localhost${port}, .* dormice\\.localhost${port}\\.$`),
    )
  })
}
