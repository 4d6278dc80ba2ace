import type { Found } from './debian.ts'
import { onCore, Program } from './processes.ts'

/** What is asked for, over and over. */
export type Asked = {
  path: string
  /** Headers besides Host, as `Name: value`. */
  headers?: readonly string[]
  /** File with a Lua script that makes the requests. */
  script?: string
}

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
  asked: Asked,
  { port, host, seconds }: { port: number; host: string; seconds: number },
): Promise<Load> {
  const { path, headers = [], script } = asked
  const command = [
    ...[wrk.path, '-t1', `-c${connections}`, `-d${seconds}s`],
    ...[`Host: ${host}`, ...headers].flatMap(header => ['-H', header]),
    ...(script === undefined ? [] : ['-s', script]),
    `http://127.0.0.1:${port}${path}`,
  ]
  await using program = new Program('wrk', onCore(1, command), wrk.env)
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
