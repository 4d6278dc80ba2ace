import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'

/** One tick of /proc's CPU times, µs: 1/100 s on every Linux, whatever the kernel's own clock. */
const tick = 10_000
/** Between SIGTERM and SIGKILL, ms. */
const grace = 2_000

/** Whether there are two cores to keep the measured process apart from its load. */
export const canPin: boolean = process.platform === 'linux' && availableParallelism() >= 2

/** The command kept on one core, where there are two. Core 0 is for what is measured, core 1 for the rest. */
export function onCore(core: 0 | 1, command: readonly string[]): readonly string[] {
  return canPin ? ['taskset', '--cpu-list', String(core), ...command] : command
}

/** A process of a benchmark, ended with everything it started when disposed of. */
export class Program implements AsyncDisposable {
  readonly #name: string
  readonly #child: ChildProcess
  /** Its exit code, or else what ended it. */
  readonly #end: Promise<number | string>
  #said = ''

  constructor(name: string, [file = '', ...args]: readonly string[], env: Record<string, string> = {}) {
    this.#name = name
    this.#child = spawn(file, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child.stderr?.on('data', chunk => {
      this.#said = `${this.#said}${chunk}`.slice(-2_000)
    })
    this.#end = new Promise(resolve => {
      this.#child.once('exit', (code, signal) => resolve(code ?? signal ?? ''))
      this.#child.once('error', error => resolve(error.message))
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** The next line on its standard output. Rejects when it ends before. */
  async line(): Promise<string> {
    const lines = createInterface({ input: this.#child.stdout as Readable })
    const [line] = (await Promise.race([once(lines, 'line'), this.failed()])) as [string]
    lines.close()
    // What it says from now on must not stop it.
    this.#child.stdout?.resume()
    return line
  }

  /** Everything on its standard output, once it ended well. Rejects when it did not. */
  async output(): Promise<string> {
    const [how, said] = await Promise.all([this.#end, text(this.#child.stdout as Readable).catch(() => '')])
    if (how !== 0) throw this.#failure(how)
    return said
  }

  /** Rejects when the process ends. */
  async failed(): Promise<never> {
    throw this.#failure(await this.#end)
  }

  /** CPU time that it and its children took so far, user and system, µs. */
  cpu(): number {
    return family(this.pid).reduce((sum, each) => sum + each.ticks, 0) * tick
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A grandchild that outlives it must not keep this process waiting for its output.
    this.#child.stdout?.destroy()
    this.#child.stderr?.destroy()
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), grace)
    this.#child.kill('SIGTERM')
    await this.#end
    clearTimeout(timer)
  }

  #failure(how: number | string): Error {
    return new Error(`${this.#name} ended with ${how}${this.#said && `: ${this.#said.trim()}`}`)
  }
}

type Process = { pid: number; parent: number; ticks: number }

/** A process and its descendants. */
function family(root: number): Process[] {
  const all = readdirSync('/proc').flatMap(name => (/^\d+$/.test(name) ? (readProcess(name) ?? []) : []))
  const found = all.filter(each => each.pid === root)
  for (const parent of found) found.push(...all.filter(each => each.parent === parent.pid))
  return found
}

/** proc(5): parent is field 4, utime and stime are 14 and 15; the name before them may hold spaces and brackets. */
function readProcess(pid: string): Process | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { pid: Number(pid), parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) }
  } catch {
    // It ended between the listing and now.
    return undefined
  }
}
