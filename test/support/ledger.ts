import assert from 'node:assert/strict'
import type { TestHost } from './host.ts'

/** An app that acknowledges a line once it is on its disk, and answers with all lines. */
export const ledger = `
import { appendFileSync, readFileSync } from 'node:fs'
export default { async fetch(request) {
  if (request.method === 'POST') appendFileSync('ledger', await request.text() + '\\n', { flush: true })
  return new Response(readFileSync('ledger', { flag: 'a+' }))
} }`

/** Deploys a ledger and writes a line into it. */
export async function deployLedger(host: TestHost, app: string, line: string): Promise<void> {
  await host.deployText(app, 'main.js', ledger)
  await write(host, app, line)
}

/** Writes a line, which the app acknowledges. */
export async function write(host: TestHost, app: string, line: string): Promise<void> {
  const answer = await host.visit(app, '/', { method: 'POST', body: line })
  assert.equal(answer.status, 200, answer.body)
}

/** The lines that the app gives back. */
export async function read(host: TestHost, app: string): Promise<string[]> {
  const answer = await host.visit(app)
  assert.equal(answer.status, 200, answer.body)
  return answer.body.trim().split('\n')
}
