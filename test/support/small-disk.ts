import { execFile } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)
const MB = 1_000_000

/** A small file system in a file, for tests of what happens when it is full. Needs root. */
export class SmallDisk implements AsyncDisposable {
  readonly #folder: string

  private constructor(folder: string) {
    this.#folder = folder
  }

  /**
   * Makes and mounts one.
   *
   * @param size MB
   */
  static async mount(size: number): Promise<SmallDisk> {
    const disk = new SmallDisk(mkdtempSync(join(tmpdir(), 'dormice-disk-')))
    const image = join(disk.#folder, 'image')
    mkdirSync(disk.path)
    writeFileSync(image, '')
    truncateSync(image, size * MB)
    await execute('mkfs.ext4', ['-q', '-F', '-m', '0', image])
    await execute('mount', ['-o', 'loop', image, disk.path])
    return disk
  }

  /** Where it is mounted. */
  get path(): string {
    return join(this.#folder, 'mounted')
  }

  /** Bytes that can still be written. */
  get free(): number {
    const { bavail, bsize } = statfsSync(this.path)
    return bavail * bsize
  }

  /** Takes all room but `leave` bytes of it. */
  async fill({ leave = 0 }: { leave?: number } = {}): Promise<void> {
    const bytes = this.free - leave
    if (bytes <= 0) return
    await execute('fallocate', ['-l', String(bytes), this.#ballast]).catch(error => {
      // The file system needs some of the room for itself, and then has given away what there was.
      if (!String(error).includes('No space left')) throw error
    })
  }

  /** Gives back what {@link fill} took. */
  empty(): void {
    rmSync(this.#ballast, { force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await unmountUnder(this.#folder)
    await rm(this.#folder, { recursive: true, force: true })
  }

  get #ballast(): string {
    return join(this.path, 'ballast')
  }
}

/** Unmounts whatever is mounted in a folder, what was mounted last first. */
export async function unmountUnder(folder: string): Promise<void> {
  const points = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map(line => line.split(' ')[1] ?? '')
    .filter(point => point.startsWith(`${folder}/`))
  for (const point of points.reverse()) await execute('umount', ['--lazy', point]).catch(() => undefined)
}
