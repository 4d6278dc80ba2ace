import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { run, thisMachine } from '../src/setup/engine/machine.ts'

const timeout = 60_000

/** A swap file that the machine uses until it is disposed of. */
export class SwapFile implements AsyncDisposable {
  readonly #file: string

  private constructor(file: string) {
    this.#file = file
  }

  /**
   * Makes one, where this may be done.
   *
   * @param bytes its size
   * @returns what is in the way, where something is
   */
  static async make(folder: string, bytes: number): Promise<SwapFile | { absent: string }> {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) return { absent: 'a swap file needs root' }
    const swap = new SwapFile(join(folder, 'swap'))
    for (const command of [
      ['fallocate', '--length', String(bytes), swap.#file],
      ['chmod', '600', swap.#file],
      ['mkswap', swap.#file],
      ['swapon', swap.#file],
    ]) {
      const { ok, lastLine } = await run(thisMachine(), command, { timeout })
      if (ok) continue
      await rm(swap.#file, { force: true })
      return { absent: `${command[0]}: ${lastLine}` }
    }
    return swap
  }

  /** Bytes of all swap of the machine that are used. */
  static used(): number {
    const lines = readFileSync('/proc/swaps', 'utf8').trim().split('\n').slice(1)
    return lines.reduce((sum, line) => sum + Number(line.split(/\s+/)[3]) * 1024, 0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run(thisMachine(), ['swapoff', this.#file], { timeout })
    await rm(this.#file, { force: true })
  }
}
