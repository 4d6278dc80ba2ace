import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { realpathSync, renameSync, rmSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
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
 * @throws {Problem} `not_written`; what the chunks throw
 */
export async function writeFile(path: string, chunks: AsyncIterable<Buffer>): Promise<void> {
  const wanted = userPath(path)
  const found = statSync(wanted, { throwIfNoEntry: false })
  const target = found ? realpathSync(wanted) : wanted
  // A device or a pipe is written to and not replaced.
  const whole = !found || found.isFile()
  // A name that nobody can have put a link at, and that no other export has.
  const file = whole ? `${target}.${randomBytes(6).toString('hex')}.part` : target
  const failed = (cause: unknown) =>
    new Problem({
      code: 'not_written',
      status: 400,
      detail: `"${path}" cannot be written: ${messageOf(cause)}`,
      cause,
    })
  const opened = await open(file, whole ? 'wx' : 'a', 0o600).catch(error => {
    throw failed(error)
  })
  try {
    for await (const chunk of chunks) {
      await opened.appendFile(chunk).catch(error => {
        throw failed(error)
      })
    }
    if (whole) await opened.sync()
    await opened.close()
    if (whole) renameSync(file, target)
  } catch (error) {
    await opened.close().catch(() => undefined)
    if (whole) rmSync(file, { force: true })
    throw error
  }
}
