import { once } from 'node:events'
import { createWriteStream, realpathSync, renameSync, rmSync, statSync } from 'node:fs'
import { pipeline } from 'node:stream/promises'
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
  const file = whole ? `${target}.part` : target
  let failed: unknown
  const reading = (async function* () {
    try {
      yield* chunks
    } catch (error) {
      failed = error
      throw error
    }
  })()
  try {
    await pipeline(reading, createWriteStream(file, { mode: 0o600, flush: whole }))
    if (whole) renameSync(file, target)
  } catch (error) {
    if (whole) rmSync(file, { force: true })
    if (failed !== undefined) throw failed
    const detail = `"${path}" cannot be written: ${messageOf(error)}`
    throw new Problem({ code: 'not_written', status: 400, detail, cause: error })
  }
}
