import { formatElapsed } from '../setup/steps.ts'
import { printable, style } from './terminal.ts'

/** How often the running step is redrawn on a terminal, and told of where there is none, ms. */
const REDRAW_MS = 100
const RETELL_MS = 5_000
const NAME_WIDTH = 12
const CLEAR_LINE = '\r\x1b[K'

/**
 * What a long command is doing, on stderr, step after step: `✓ build          4.2 s (npm ci)`. On a terminal the
 * running step is redrawn in place; elsewhere it is a plain line now and then. Same columns as `setup/steps.ts`,
 * for work whose steps are told by someone else.
 */
export class Progress implements Disposable {
  readonly #out: NodeJS.WriteStream
  #step: { name: string; detail: string; since: number; told: number | undefined } | undefined
  #timer: NodeJS.Timeout | undefined
  /** The line that was logged last. */
  lastLog: string | undefined

  constructor(out: NodeJS.WriteStream = process.stderr) {
    this.#out = out
  }

  /** Ends the running step well and begins the next. */
  begin(name: string, detail = ''): void {
    this.done()
    this.#step = { name, detail, since: performance.now(), told: undefined }
    this.#timer = setInterval(() => this.#draw(), this.#out.isTTY ? REDRAW_MS : RETELL_MS).unref()
    this.#draw()
  }

  /** Something found out between two steps: `✓ runtime       node`. */
  note(name: string, text: string): void {
    this.done()
    this.#out.write(`${style('green', '✓', this.#out)} ${name.padEnd(NAME_WIDTH)}  ${printable(text)}\n`)
  }

  /** What the running step has reached. */
  update(detail: string): void {
    if (this.#step) this.#step.detail = detail
  }

  /** A line that the running step printed. */
  log(line: string): void {
    this.lastLog = line
    if (line.trim() === '') return
    if (!this.#out.isTTY && this.#step) {
      // Where nothing is redrawn, the lines need a heading; then they themselves tell that it goes on.
      if (this.#step.told === undefined) this.#tell()
      this.#step.told = performance.now()
    }
    this.#out.write(this.#clear() + style('dim', `  ${printable(line)}`, this.#out).concat('\n'))
    this.#draw()
  }

  /** Something that the user may not have meant. */
  warn(line: string): void {
    this.#out.write(`${this.#clear()}${style('yellow', '!', this.#out)} ${printable(line)}\n`)
    this.#draw()
  }

  /** Ends the running step well. */
  done(detail?: string): void {
    if (detail !== undefined) this.update(detail)
    this.#end(style('green', '✓', this.#out))
  }

  /** Ends the running step badly. */
  fail(): void {
    this.#end(style('red', '✗', this.#out))
  }

  /** Takes an unfinished step's line away. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    if (this.#step) this.#out.write(this.#clear())
    this.#step = undefined
  }

  #end(mark: string): void {
    const step = this.#step
    if (!step) return
    clearInterval(this.#timer)
    const { name, since, detail } = step
    const elapsed = formatElapsed(performance.now() - since)
    const head = `${name.padEnd(NAME_WIDTH)}  ${elapsed}`
    const note = detail ? ` (${this.#fit(printable(detail), head.length + 5)})` : ''
    this.#out.write(`${this.#clear()}${mark} ${head}${note}\n`)
    this.#step = undefined
  }

  #draw(): void {
    const step = this.#step
    if (!step) return
    if (!this.#out.isTTY) {
      if (performance.now() - (step.told ?? step.since) >= RETELL_MS - REDRAW_MS) this.#tell()
      return
    }
    const head = `… ${step.name.padEnd(NAME_WIDTH)}  ${formatElapsed(performance.now() - step.since)}  `
    this.#out.write(CLEAR_LINE + head + this.#fit(printable(step.detail), head.length))
  }

  #tell(): void {
    const step = this.#step
    if (!step) return
    step.told = performance.now()
    this.#out.write(`… ${step.name.padEnd(NAME_WIDTH)}  ${printable(step.detail)}\n`)
  }

  /** A text that leaves `taken` columns of a terminal's line to others; a longer line could not be redrawn. */
  #fit(text: string, taken: number): string {
    if (!this.#out.isTTY) return text
    const room = Math.max(0, (this.#out.columns || 80) - taken - 1)
    return text.length <= room ? text : `${text.slice(0, Math.max(0, room - 1))}…`
  }

  #clear(): string {
    return this.#out.isTTY ? CLEAR_LINE : ''
  }
}
