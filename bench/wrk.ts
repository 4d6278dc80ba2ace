import type { Found } from './debian.ts'
import { onCore, Program } from './processes.ts'

/** What one run of wrk counted. */
export type Load = { requests: number; perSecond: number }

/** Kept connections that always have a request under way. */
const connections = 32

/**
 * Loads a server on loopback for some seconds: 32 kept connections, one thread.
 * @throws when any answer was not a 2xx, or any connection failed: the figures would mean something else
 */
export async function loadWith(
  wrk: Found,
  { port, host, seconds }: { port: number; host: string; seconds: number },
): Promise<Load> {
  const command = [wrk.path, '-t1', `-c${connections}`, `-d${seconds}s`, '-H', `Host: ${host}`]
  await using program = new Program('wrk', onCore(1, [...command, `http://127.0.0.1:${port}/`]), wrk.env)
  return readWrk(await program.output())
}

/** Reads wrk's report. */
export function readWrk(text: string): Load {
  const failures = /^\s*(Socket errors:.*|Non-2xx or 3xx responses:.*)$/m.exec(text)?.[1]
  if (failures !== undefined) throw new Error(`not every request was answered as it should: ${failures}`)
  const requests = Number(/(\d+) requests in/.exec(text)?.[1])
  const perSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1])
  if (!(requests > 0 && perSecond > 0)) throw new Error(`wrk counted nothing:\n${text}`)
  return { requests, perSecond }
}
