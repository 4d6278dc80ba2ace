import type { DeployEvent, ReleaseShape } from '../api/shapes.ts'
import { Problem } from '../problem.ts'
import { appPath, type Call, type Client } from './client.ts'
import { openPath, type Source } from './deploy-source.ts'
import { HostProblem } from './host-problem.ts'
import { Progress } from './progress.ts'
import { Interrupted } from './usage-error.ts'

export type Deploy = {
  app: string
  source: Source
  fresh: boolean
  /** The app has no release yet: if this fails, there is no app. */
  first: boolean
  signal?: AbortSignal
}

/** A deploy that succeeded. */
export type Deployed = { release: ReleaseShape; url: string }

/**
 * Deploys and shows on stderr how far it is: packing and sending, then what the host does, with the build's log.
 * @throws {Problem} why it failed
 */
export async function deploy(
  client: Client,
  { app, source, fresh, first, signal }: Deploy,
): Promise<Deployed> {
  using progress = new Progress()
  const steps = new HostSteps(progress)
  const call: Call = { method: 'POST', query: { fresh: fresh ? 'true' : undefined }, signal }
  await fill(call, source, progress)
  try {
    for await (const event of client.lines<DeployEvent>(appPath(app, 'releases'), call)) {
      if ('log' in event) progress.log(event.log)
      else if ('step' in event) steps.take(event)
      else if ('release' in event) {
        progress.done()
        return event
      } else {
        throw new HostProblem(event.error, progress.lastLog)
      }
    }
  } catch (error) {
    progress.fail()
    throw error instanceof Interrupted ? steps.interrupted(error, { app, first }) : error
  }
  progress.fail()
  throw new Problem({
    code: 'host_unreachable',
    status: 503,
    detail: `the host ended its answer before the deploy was done; look at its log, then deploy again`,
  })
}

/** Puts into the call what is sent, and shows it going. */
async function fill(call: Call, source: Source, progress: Progress): Promise<void> {
  if (source.kind === 'image') {
    call.json = { image: source.reference }
    return
  }
  const { stream, type, filename, describe } = await openPath(source.path, line => progress.warn(line))
  progress.begin('upload')
  if (filename !== undefined) call.query = { ...call.query, filename }
  const onSent = (bytes: number) => progress.update(describe(bytes))
  call.upload = { source: stream, type, onSent }
}

/** What the host's steps are called here. */
const NAMES: Record<string, string> = { building: 'build', switching: 'start' }

/** Shows the steps that the host tells of, and remembers what an error's meaning depends on. */
class HostSteps {
  readonly #progress: Progress
  #switching = false

  constructor(progress: Progress) {
    this.#progress = progress
  }

  take({ step, detail }: { step: string; detail: string }): void {
    if (step === 'received') this.#progress.done()
    else if (step === 'detected') this.#progress.note('runtime', detail)
    else {
      this.#switching = step === 'switching'
      this.#progress.begin(NAMES[step] ?? step, detail)
    }
  }

  interrupted({ signal }: Interrupted, { app, first }: Pick<Deploy, 'app' | 'first'>): Interrupted {
    const left = first ? 'no app was made' : `${app} is as it was before`
    const unsure = first
      ? `while ${app} was starting; \`ls\` shows whether it is there`
      : `while ${app} was switching to the new release; \`ls\` shows which one it has`
    return new Interrupted(signal, this.#switching ? `interrupted ${unsure}` : `interrupted; ${left}`)
  }
}
