import { join } from 'node:path'
import { untilAnswered } from '../first-answer.ts'
import { onCore, Program } from '../processes.ts'

/** A server of a benchmark that answers. */
export type Server = { program: Program; port: number }

/** What the requests are for; every proxy routes by it. */
export const host = 'app.localhost'

/** More kept connections than the load has: none is ever opened anew under load. */
export const kept = 64

/** One of the benchmarks' own proxies, in Node. @param flags Node's own arguments */
export async function startNodeProxy(
  file: string,
  upstream: number,
  flags: readonly string[] = [],
): Promise<Server> {
  const command = [process.execPath, ...flags, join(import.meta.dirname, '..', file), String(upstream)]
  const program = new Program(file, onCore(0, command))
  return answering(program, Number(await program.line()))
}

/** Resolves once the program answers with the upstream's answer; ends it when it does not. */
export async function answering(program: Program, port: number): Promise<Server> {
  const over = new AbortController()
  try {
    const { status } = await Promise.race([
      untilAnswered({ host: '127.0.0.1', port, hostHeader: host }, over.signal),
      program.failed(),
    ])
    if (status !== 200) throw new Error(`a proxy answered ${status} instead of passing the request on`)
    return { program, port }
  } catch (error) {
    await program[Symbol.asyncDispose]()
    throw error
  } finally {
    over.abort()
  }
}
