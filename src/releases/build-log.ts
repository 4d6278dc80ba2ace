import { createWriteStream, type WriteStream } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { finished } from 'node:stream/promises'

/** More than this of a build's output is not kept. */
const maxKeptBytes = 5 * 1024 * 1024
/** Lines that an error of the build carries. */
const lastLines = 20

/** The output of one build: kept in a file, streamed to whoever deploys, its end remembered for an error. */
export class BuildLog implements AsyncDisposable {
  readonly #file: WriteStream
  readonly #live: (line: string) => void
  #bytes = 0
  #last: string[] = []

  private constructor(file: WriteStream, live: (line: string) => void) {
    this.#file = file
    this.#live = live
    // A full disk must not fail the build; the live stream and the last lines still work.
    file.on('error', () => undefined)
  }

  /** @param live gets every line as it comes */
  static async open(path: string, live: (line: string) => void): Promise<BuildLog> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    return new BuildLog(createWriteStream(path, { mode: 0o600 }), live)
  }

  line = (text: string): void => {
    this.#live(text)
    this.#last = [...this.#last.slice(1 - lastLines), text]
    this.#bytes += Buffer.byteLength(text) + 1
    if (this.#bytes <= maxKeptBytes) this.#file.write(`${text}\n`)
  }

  /** The last lines as one text. */
  get tail(): string {
    return this.#last.join('\n')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#file.end()
    await finished(this.#file).catch(() => undefined)
  }
}

/** Where the log of a release's build is kept. */
export function buildLogPath(data: string, app: string, release: number): string {
  return join(data, 'builds', app, `${release}.log`)
}

export async function forgetBuildLogs(data: string, app: string): Promise<void> {
  await rm(join(data, 'builds', app), { recursive: true, force: true })
}
