import type { TestContext } from 'node:test'
import type { Upstream } from '../../apps/lease.ts'
import type { Access } from '../../apps/rules.ts'
import { type Network, Networks, parseNetwork } from '../../networks.ts'
import type { EdgeOptions } from '../edge.ts'
import { dial, get, type Stage, stage, type Wire } from '../fixture.ts'

/** An edge whose peer is a trusted proxy, so that a test says where each request comes from. */
export type GuardedStage = Stage & {
  /** Sets the app's rules, as a change of its settings does. */
  rule(access: Access | undefined): void
  /** Sends a GET from an address, on a connection of its own that ends with the answer. */
  visit(from?: string, ...headers: string[]): Promise<Wire>
  /** The same, and the whole answer. */
  ask(from?: string, ...headers: string[]): Promise<string>
}

/** @param upstream undefined: the app sleeps */
export async function guarded(
  t: TestContext,
  access: Access,
  upstream: Upstream | undefined,
  options: Partial<EdgeOptions> = {},
): Promise<GuardedStage> {
  const loopback = parseNetwork('127.0.0.1') as Network
  const it = await stage(t, upstream, { trust: new Networks([loopback]), ...options })
  const rule = (rules: Access | undefined) => {
    it.app.rules = rules && Object.freeze({ access: Object.freeze(rules) })
  }
  const visit = async (from = '192.0.2.1', ...headers: string[]) =>
    (await dial(t, it.port)).write(get('/', 'Connection: close', `X-Forwarded-For: ${from}`, ...headers))
  rule(access)
  return { ...it, rule, visit, ask: async (...told) => (await visit(...told)).end() }
}

/** Status and code of an answer: `403 address_denied`; the status alone where the edge has not answered. */
export function gist(answer: string): string {
  const code = /^x-dormice-error: (\w+)\r$/im.exec(answer)?.[1]
  return [answer.slice(9, 12), code].filter(Boolean).join(' ')
}
