import type { Readable } from 'node:stream'
import type Docker from 'dockerode'
import { ProgressError, readProgress } from '../../engine/docker/progress.ts'
import { messageOf, Problem } from '../../problem.ts'

/** What one image build needs. */
export type ImageBuild = {
  /** What is built, for messages, e.g. `runtime image python`. */
  what: string
  /** Name of the result; set by the engine only when the whole build succeeded. */
  reference: string
  /** Plain tar with a `Dockerfile` at its root. */
  context: Readable
  args: Readonly<Record<string, string>>
}

/**
 * Builds an image with the engine's classic builder, which every engine from 20.10 on has without a plugin.
 * Throws `Problem` 503 `runtime_build_failed`, its `log` the last lines of the build.
 */
export async function buildImage(
  docker: Docker,
  { what, reference, context, args }: ImageBuild,
): Promise<void> {
  // dockerode pipes the context into its request without looking at errors: a broken context must end the build.
  const broken = new AbortController()
  context.once('error', error => broken.abort(error))
  try {
    const options = {
      t: reference,
      buildargs: { ...args },
      labels: { 'dormice.role': 'runtime' },
      rm: true,
      forcerm: true,
      // Our own Dockerfiles: what the machine reaches, a local proxy or mirror included, they must reach too.
      networkmode: 'host',
      abortSignal: broken.signal,
    }
    await readProgress(await docker.buildImage(context, options))
  } catch (thrown) {
    const error: unknown = broken.signal.aborted ? broken.signal.reason : thrown
    const log = error instanceof ProgressError ? error.log : []
    throw new Problem({
      code: 'runtime_build_failed',
      status: 503,
      detail: `The ${what} could not be built: ${messageOf(error)}${advice(log)}`,
      data: { log: log.slice(-20) },
      cause: error,
    })
  } finally {
    context.destroy()
  }
}

/** The last telling line of a failed step; most failures are an unreachable package mirror. */
function advice(log: readonly string[]): string {
  const telling = log.findLast(line => /^(E:|W: Failed|npm error|ERROR)/.test(line))
  return telling === undefined ? '' : ` (${telling}); see that the Debian mirror is reachable and run again`
}

/** Gives an image that is on the engine its floating name, `<repository>:latest`. */
export async function tagLatest(docker: Docker, reference: string): Promise<void> {
  const repo = reference.slice(0, reference.lastIndexOf(':'))
  await docker.getImage(reference).tag({ repo, tag: 'latest' })
}
