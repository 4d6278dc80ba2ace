import { Command } from 'commander'
import type { Log } from '../../log.ts'
import { examples } from '../examples.ts'
import { leaveRunningOption, type StopOptions } from '../options.ts'

export function serveCommand(): Command {
  return new Command('serve')
    .description(
      'Start the host in the foreground on a machine that has a container engine. For systemd and the image; `up` prepares the machine too.',
    )
    .addHelpText('after', examples(['serve', 'the host, until Ctrl-C or SIGTERM']))
    .addOption(leaveRunningOption())
    .action(serve)
}

/** Between two attempts to make runtime images, ms. */
const firstPause = 5_000
const longestPause = 5 * 60_000

async function serve(options: StopOptions): Promise<void> {
  const { hostConfig, runHost } = await import('../foreground.ts')
  const { createLog } = await import('../../log.ts')
  const { runtimeImages } = await import('../../setup/images/runtime-images.ts')
  const config = hostConfig()
  const log = createLog()
  await runHost(config, runtimeImages(), log, async () => void makeRuntimes(log), options)
  // Images that are still being made would keep the process; the next start makes them.
  process.exit()
}

/**
 * Makes the runtime images that are missing, which takes minutes: only deploys need them, so nobody else waits. Tried
 * until it is done, for the engine, or where packages come from, may be away.
 */
async function makeRuntimes(log: Log): Promise<void> {
  const { setTimeout: sleep } = await import('node:timers/promises')
  const { connect } = await import('../../engine/docker/client.ts')
  const { ensureRuntimeImages } = await import('../../setup/images/runtime-images.ts')
  const { messageOf } = await import('../../problem.ts')
  for (let pause = firstPause; ; pause = Math.min(2 * pause, longestPause)) {
    try {
      await ensureRuntimeImages(connect(), { log: line => log.info('runtime_images', { line }) })
      return
    } catch (error) {
      log.error('runtime_images_missing', { error: messageOf(error), triedAgainInMs: pause })
      await sleep(pause)
    }
  }
}
