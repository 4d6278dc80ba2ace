import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Writes a file that is this user's alone (0600): whole and on disk when this resolves, or as it was before. */
export async function writePrivate(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  // What a crash left of an earlier attempt.
  await rm(`${file}.new`, { force: true })
  {
    await using handle = await open(`${file}.new`, 'wx', 0o600)
    await handle.writeFile(text)
    await handle.sync()
  }
  await rename(`${file}.new`, file)
}

/** What a file says; undefined when there is none. */
export async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
