import { messageOf } from '../src/problem.ts'
import type { Found } from './debian.ts'
import { host, type Server } from './proxies/server.ts'
import type { Row } from './report.ts'
import { type Case, rowOf } from './rounds.ts'
import { type Asked, loadWith } from './wrk.ts'

/** A proxy in the benchmark of the edge. */
export type Contender = {
  name: string
  server: Server
  /** A target compares Dormice with it. */
  inTargets: boolean
  /** Forwards WebSockets. */
  upgrades: boolean
}

export const units = {
  rate: 'requests/s',
  cpu: 'CPU µs/request',
  /** Below a full core the load or another process, not the proxy, was the limit. */
  busy: '% of a core',
} as const

/** One proxy under one load for some seconds. */
export function loadCase(
  wrk: Found,
  about: string,
  asked: Asked,
  { name, server }: Contender,
  seconds: number,
): Case {
  const row = rowName(about, name)
  return {
    name: row,
    async measure() {
      const before = server.program.cpu()
      const began = performance.now()
      const { requests, perSecond } = await loadWith(wrk, asked, { port: server.port, host, seconds }).catch(
        error => {
          throw new Error(`${row}: ${messageOf(error)}`, { cause: error })
        },
      )
      const took = (performance.now() - began) * 1_000
      const used = server.program.cpu() - before
      return [
        { row, unit: units.rate, value: perSecond },
        { row, unit: units.cpu, value: used / requests },
        { row, unit: units.busy, value: (100 * used) / took },
      ]
    },
  }
}

/** Where a proxy's figures under a load are. */
export function figures(rows: readonly Row[], about: string, name: string, unit: string): Row | undefined {
  return rowOf(rows, rowName(about, name), unit)
}

function rowName(about: string, proxy: string): string {
  return `${about}: ${proxy}`
}
