import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { DataUnusable } from './unusable.ts'

/** Length of a key: AES-256. */
const keyBytes = 32

/**
 * The key of a data folder; undefined when there is no such file.
 *
 * @throws {DataUnusable} it cannot be read, is no key, or is open to others
 */
export function readKey(file: string): KeyObject | undefined {
  try {
    const found = statSync(file)
    if (!found.isFile() || found.size !== keyBytes) {
      throw new DataUnusable(
        `the key file ${file} is not a file of ${keyBytes} bytes (it has ${found.size}); put back the one that belongs to this data folder, from a backup`,
      )
    }
    const mode = found.mode & 0o777
    if ((mode & 0o077) !== 0) {
      throw new DataUnusable(
        `the key file ${file} is open to other users (mode ${mode.toString(8)}, accepted: 600); close it with: chmod 600 ${file}`,
      )
    }
    return keyOf(readFileSync(file))
  } catch (error) {
    if (error instanceof DataUnusable) throw error
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw new DataUnusable(`the key file ${file} cannot be read (${code}); let this user read it`)
  }
}

/** Makes a key at random, and its file, 0600: whole and on disk when this returns, or not there at all. */
export function createKey(file: string): KeyObject {
  const bytes = randomBytes(keyBytes)
  // What a crash left of an earlier attempt never was a key.
  rmSync(`${file}.new`, { force: true })
  synced(openSync(`${file}.new`, 'wx', 0o600), handle => writeSync(handle, bytes))
  renameSync(`${file}.new`, file)
  synced(openSync(dirname(file), 'r'))
  return keyOf(bytes)
}

function synced(handle: number, write: (handle: number) => void = () => undefined): void {
  try {
    write(handle)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

function keyOf(bytes: Buffer): KeyObject {
  const key = createSecretKey(bytes)
  bytes.fill(0)
  return key
}
