import { createReadStream, existsSync } from 'node:fs'
import { appendFile, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Engine, LogLine } from '../engine/engine.ts'

/** A file over this size becomes the older one of two, so an app's log takes at most twice this on disk. */
const maxFileBytes = 5 * 1024 * 1024
const batchBytes = 256 * 1024

/**
 * Log lines of apps across sleeps: one file an app under the data folder, filled from the container when it
 * stops. Lines of a running container stay with the engine until then, so nothing is written twice.
 */
export class AppLogs {
  readonly #folder: string
  readonly #engine: Pick<Engine, 'logs'>

  constructor(folder: string, engine: Pick<Engine, 'logs'>) {
    this.#folder = folder
    this.#engine = engine
  }

  /**
   * Appends the container's lines to the app's file; lines that an earlier, interrupted attempt already
   * wrote are left out. Returns the last lines, at most 20.
   */
  async collect(app: string, container: string): Promise<LogLine[]> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    const after = (await this.#lastAt(app, container)) ?? -1
    let batch = ''
    let last: LogLine[] = []
    for await (const line of this.#engine.logs(container)) {
      last = [...last.slice(-19), line]
      if (line.at <= after) continue
      batch += format(line, container)
      if (batch.length > batchBytes) {
        await this.#append(app, batch)
        batch = ''
      }
    }
    await this.#append(app, batch)
    return last
  }

  /** Kept lines, oldest first, at most `tail` of them and none before `since` (epoch ms). */
  async kept(
    app: string,
    { since = 0, tail = Number.POSITIVE_INFINITY }: { since?: number; tail?: number } = {},
  ): Promise<LogLine[]> {
    const lines: LogLine[] = []
    for (const file of [this.#older(app), this.#file(app)]) {
      if (!existsSync(file)) continue
      for await (const text of createInterface({
        input: createReadStream(file),
        crlfDelay: Number.POSITIVE_INFINITY,
      })) {
        const line = parse(text)
        if (!line || line.at < since) continue
        lines.push(line)
        if (lines.length > tail) lines.shift()
      }
    }
    return lines
  }

  async forget(app: string): Promise<void> {
    await Promise.all([this.#file(app), this.#older(app)].map(file => rm(file, { force: true })))
  }

  #file(app: string): string {
    return join(this.#folder, `${app}.log`)
  }

  #older(app: string): string {
    return join(this.#folder, `${app}.1.log`)
  }

  async #append(app: string, text: string): Promise<void> {
    if (text === '') return
    const file = this.#file(app)
    const size = await stat(file).then(
      info => info.size,
      () => 0,
    )
    if (size > 0 && size + text.length > maxFileBytes) await rename(file, this.#older(app))
    await appendFile(file, text, { mode: 0o600 })
  }

  /** Time of the newest kept line of this very container, if its log was collected before. */
  async #lastAt(app: string, container: string): Promise<number | undefined> {
    const file = this.#file(app)
    if (!existsSync(file)) return undefined
    await using handle = await open(file, 'r')
    const { size } = await handle.stat()
    const length = Math.min(size, batchBytes)
    const { buffer } = await handle.read(Buffer.alloc(length), 0, length, size - length)
    const last = buffer.toString('utf8').trimEnd().split('\n').at(-1) ?? ''
    return last.split(' ', 3)[2] === container.slice(0, 12) ? parse(last)?.at : undefined
  }
}

/** `<ISO time> <stream> <container> <text>`; the container tells whether a line was collected before. */
function format(line: LogLine, container: string): string {
  return `${new Date(line.at).toISOString()} ${line.stream} ${container.slice(0, 12)} ${line.text.replace(lineEnds, ' ')}\n`
}

/** What readers of lines take for an end besides the one we write. */
const lineEnds = /[\r\n\u2028\u2029]+/g

function parse(text: string): LogLine | undefined {
  const [time = '', stream = '', container = ''] = text.split(' ', 3)
  const at = Date.parse(time)
  if (Number.isNaN(at)) return undefined
  const rest = text.slice(time.length + stream.length + container.length + 3)
  return { at, stream: stream === 'stderr' ? 'stderr' : 'stdout', text: rest }
}
