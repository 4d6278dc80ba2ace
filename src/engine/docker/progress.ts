import type { Readable } from 'node:stream'

/** What the engine says while it pulls or builds, one JSON object a line. */
type Progress = {
  stream?: string
  status?: string
  id?: string
  error?: string
  errorDetail?: { message?: string }
}

/** The engine's own word that a pull or a build failed. */
export class ProgressError extends Error {
  override name = 'ProgressError'
}

/**
 * Reads the engine's progress until it ends, handing lines on. The HTTP status is 200 whatever happens, so an
 * `{error}` line is the failure (dockerode's followProgress takes it for progress).
 *
 * @throws {ProgressError} with the engine's message
 */
export async function readProgress(stream: Readable, log: (line: string) => void): Promise<void> {
  let rest = ''
  stream.setEncoding('utf8')
  for await (const chunk of stream) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) report(line, log)
  }
  report(rest, log)
}

function report(line: string, log: (line: string) => void): void {
  if (line.trim() === '') return
  const progress: Progress = JSON.parse(line)
  const failure = progress.errorDetail?.message ?? progress.error
  if (failure !== undefined) throw new ProgressError(failure.trim())
  const text = progress.stream ?? (progress.id ? '' : progress.status)
  for (const part of (text ?? '').split('\n')) if (part.trim() !== '') log(part.trimEnd())
}
