import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { realpathSync, rmSync, statSync } from 'node:fs'
import { type FileHandle, open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { getSystemErrorMessage } from 'node:util'
import { messageOf, Problem } from '../problem.ts'
import { userPath } from './invocation.ts'

/** Writes all chunks to standard output, as fast as its reader takes them; what writes there ends the process if it fails. */
export async function writeOutput(chunks: AsyncIterable<Buffer>): Promise<void> {
  // A reader that leaves early has not got everything.
  process.exitCode = 1
  for await (const chunk of chunks) {
    if (!process.stdout.write(chunk)) await once(process.stdout, 'drain')
  }
  process.exitCode = 0
}

/**
 * Writes all chunks to a file, readable by this user only. It is there, or takes the place of the one that was, only
 * when it is complete.
 *
 * @param begin gives the chunks; not called where the file cannot be written anyway
 * @throws {Problem} `not_written`; what `begin` and the chunks throw
 */
export async function writeFile(path: string, begin: () => Promise<AsyncIterable<Buffer>>): Promise<void> {
  const wanted = userPath(path)
  const written = <T>(work: Promise<T>) =>
    work.catch(cause => {
      throw new Problem({
        code: 'not_written',
        status: 400,
        detail: `"${path}" cannot be written: ${why(cause, wanted)}`,
        cause,
      })
    })
  const { target, file, opened } = await written(openBeside(wanted))
  const whole = file !== target
  try {
    for await (const chunk of await begin()) await written(opened.appendFile(chunk))
    if (whole) await written(opened.sync())
    await written(opened.close())
    if (whole) await written(rename(file, target))
  } catch (error) {
    await opened.close().catch(() => undefined)
    if (whole) rmSync(file, { force: true })
    throw error
  }
}

/** Opens what is written to: a `file` beside the `target`, to take its place; a device or a pipe itself. */
async function openBeside(wanted: string): Promise<{ target: string; file: string; opened: FileHandle }> {
  const found = statSync(wanted, { throwIfNoEntry: false })
  const target = found ? realpathSync(wanted) : wanted
  if (found && !found.isFile()) return { target, file: target, opened: await open(target, 'a', 0o600) }
  // A name that nobody can have put a link at, and that no other export has.
  const file = `${target}.${randomBytes(6).toString('hex')}.part`
  return { target, file, opened: await open(file, 'wx', 0o600) }
}

/** Why a file was not written, without the name of the one beside it, which is nobody's concern. */
function why(cause: NodeJS.ErrnoException, wanted: string): string {
  const folder = dirname(wanted)
  if (cause.code === 'ENOENT') return `there is no folder "${folder}"`
  if (cause.code === 'ENOTDIR') return `"${folder}" is not a folder`
  if (cause.code === 'EISDIR') return 'it is a folder'
  return cause.errno === undefined ? messageOf(cause) : getSystemErrorMessage(cause.errno)
}
