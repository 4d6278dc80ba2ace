import { constants } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { mkdir, open, rename } from 'node:fs/promises'
import { dirname, parse } from 'node:path'

const { O_APPEND, O_CREAT, O_NONBLOCK, O_WRONLY } = constants

/**
 * A file of lines that is appended to, 0600. Once it would be larger than told it becomes the older one of two:
 * `x.1.jsonl` beside `x.jsonl`. Opened by the first write. One write at a time.
 */
export class RotatingFile {
  readonly #file: string
  readonly #maxBytes: number
  #handle: FileHandle | undefined
  #size = 0
  /** Neither a pipe nor a device, which can be written to only. */
  #isRegular = true

  constructor(file: string, maxBytes: number) {
    this.#file = file
    this.#maxBytes = maxBytes
  }

  /** Writes whole lines: all of them, or, when it rejects, none. */
  async write(lines: Buffer): Promise<void> {
    let handle = this.#handle ?? (await this.#open())
    if (this.#isRegular && this.#size > 0 && this.#size + lines.length > this.#maxBytes) {
      await this.close()
      await rename(this.#file, this.#older)
      handle = await this.#open()
    }
    try {
      await handle.writeFile(lines)
      this.#size += lines.length
    } catch (error) {
      // What a full disk took of it is not left behind as half a line.
      if (this.#isRegular) await handle.truncate(this.#size).catch(() => undefined)
      throw error
    }
  }

  async close(): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    await handle?.close()
  }

  get #older(): string {
    const { dir, name, ext } = parse(this.#file)
    return `${dir}/${name}.1${ext}`
  }

  async #open(): Promise<FileHandle> {
    await mkdir(dirname(this.#file), { recursive: true, mode: 0o700 })
    // Who opens a pipe waits until somebody reads it, on a thread without which the process could not end.
    await (await open(this.#file, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, 0o600)).close()
    const handle = await open(this.#file, 'a', 0o600)
    try {
      const info = await handle.stat()
      this.#isRegular = info.isFile()
      this.#size = this.#isRegular ? info.size : 0
    } catch (error) {
      await handle.close()
      throw error
    }
    this.#handle = handle
    return handle
  }
}
