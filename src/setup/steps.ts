/** Where steps are printed: `process.stdout`, or what a test collects in. */
export type StepOutput = { write(text: string): unknown; isTTY?: boolean | undefined; columns?: number }

/** Prints what a preparation does, a line for each step. */
export type Steps = {
  /**
   * Runs one step and prints `✓ name  1.2 s (note)`, or `✗ name  1.2 s` and lets the error pass. `log` shows
   * what the step is doing; on a terminal only the newest line, unless the step fails.
   *
   * @param note what the line says of the result
   */
  run<T>(
    name: string,
    work: (log: (line: string) => void) => Promise<T>,
    note?: (result: T) => string,
  ): Promise<T>
}

const NAME_WIDTH = 12
const KEPT_LINES = 20
const CLEAR_LINE = '\r\x1b[K'

/** Steps with elapsed times on `out`; redrawn in place where that is a terminal. */
export function steps(out: StepOutput = process.stdout): Steps {
  return {
    async run(name, work, note) {
      const started = performance.now()
      const shown = name.padEnd(NAME_WIDTH)
      const elapsed = () => formatElapsed(performance.now() - started)
      const lines: string[] = []

      const draw = () => {
        const text = `… ${shown}  ${elapsed()}  ${lines.at(-1) ?? ''}`
        out.write(CLEAR_LINE + text.slice(0, (out.columns ?? 80) - 1))
      }
      const log = (line: string) => {
        if (out.isTTY) {
          lines.push(line)
          if (lines.length > KEPT_LINES) lines.shift()
        } else out.write(`… ${shown}  ${line}\n`)
      }
      const timer = out.isTTY ? setInterval(draw, 100) : undefined
      if (timer) draw()
      try {
        const result = await work(log)
        const said = note?.(result)
        finish('✓', said ? ` (${said})` : '')
        return result
      } catch (error) {
        finish('✗', lines.map(line => `\n  ${line}`).join(''))
        throw error
      }

      function finish(mark: string, rest: string): void {
        clearInterval(timer)
        out.write(`${out.isTTY ? CLEAR_LINE : ''}${mark} ${shown}  ${elapsed()}${rest}\n`)
      }
    },
  }
}

/** `8 ms`, `1.2 s`, `2 min 5 s`. */
export function formatElapsed(ms: number): string {
  if (ms < 100) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  const whole = Math.round(ms / 1000)
  return `${Math.floor(whole / 60)} min ${whole % 60} s`
}
