import { type Config, readConfig } from '../config.ts'
import { type Host, startHost } from '../host.ts'
import type { Log } from '../log.ts'
import { caBundlePath } from '../setup/images/machine-ca.ts'
import type { RuntimeImages } from '../setup/images/runtime-images.ts'
import { interruptible } from './interrupt.ts'
import type { StopOptions } from './options.ts'
import { outliveReaders } from './readers.ts'
import { dataFolders } from './target.ts'
import { remark, sentence, style } from './terminal.ts'
import { unknownVariables } from './unknown-variables.ts'
import { Interrupted } from './usage-error.ts'

/** The host's configuration from the environment; a variable that means nothing is remarked on. @throws {ConfigError} */
export function hostConfig(): Config {
  for (const { name, meant } of unknownVariables(process.env)) {
    const mark = style('yellow', 'warning:', process.stderr)
    const advice = meant === undefined ? '' : `; did you mean ${meant}?`
    remark(`${mark} ${sentence(name)} is no setting of the host${advice}`)
  }
  const [data = ''] = dataFolders()
  return readConfig(process.env, { data })
}

/**
 * Runs the host until Ctrl-C or SIGTERM, then puts every app to sleep or leaves it running. A second Ctrl-C ends at
 * once.
 * @param ready what to do once it answers
 */
export async function runHost(
  config: Config,
  runtimes: RuntimeImages,
  log: Log,
  ready: (host: Host) => Promise<void>,
  { leaveRunning }: StopOptions,
): Promise<void> {
  outliveReaders()
  await interruptible(async signal => {
    const stopped = new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }))
    await using host = await startHost({ config, runtimes, caBundle: caBundlePath(), log, leaveRunning })
    await ready(host)
    await stopped
    remark(leaveRunning ? 'Stopping; awake apps go on running.' : 'Putting every app to sleep …')
  }).catch(error => {
    // It was asked to end, and it did.
    if (!(error instanceof Interrupted)) throw error
  })
}
