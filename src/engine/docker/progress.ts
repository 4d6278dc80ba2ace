import { createInterface } from 'node:readline'

/** One line of the engine's progress stream, as builds, pulls and imports send it. */
export type EngineProgress = { stream?: string; status?: string; id?: string; aux?: { ID?: string } }

/** An operation that the engine reported as failed in its progress stream; `log` is what it said before. */
export class ProgressError extends Error {
  override name = 'ProgressError'
  readonly log: readonly string[]

  constructor(message: string, log: readonly string[]) {
    super(message)
    this.log = log
  }
}

const KEPT_LINES = 40

/**
 * Reads a progress stream to its end. The engine answers 200 first and reports a failure as an `{error}` line
 * later, which dockerode hands on as if it were progress: here it throws {@link ProgressError}.
 */
export async function readProgress(
  stream: NodeJS.ReadableStream,
  onProgress: (progress: EngineProgress) => void = () => {},
): Promise<void> {
  const log: string[] = []
  const lines = createInterface({ input: stream })
  // Thrown by the loop while it runs; after it, when the caller breaks off, it would be nobody's and end the process.
  lines.on('error', () => undefined)
  for await (const line of lines) {
    if (line === '') continue
    const progress = JSON.parse(line) as EngineProgress & { error?: string }
    if (progress.error !== undefined) throw new ProgressError(progress.error.trim(), log)
    for (const text of (progress.stream ?? '').split(/[\r\n]+/)) {
      if (text === '') continue
      log.push(text)
      if (log.length > KEPT_LINES) log.shift()
    }
    onProgress(progress)
  }
}

/** What a step of progress says, for a log: lines of a build, the large steps of a pull. */
export function linesOf({ stream, status, id }: EngineProgress): string[] {
  const text = stream ?? (id === undefined ? status : undefined) ?? ''
  return text.split(/[\r\n]+/).filter(line => line.trim() !== '')
}
