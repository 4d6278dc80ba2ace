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

/** Makes the runtime images that are missing, which takes minutes: only deploys need them, so nobody else waits. */
async function makeRuntimes(log: Log): Promise<void> {
  const { connect } = await import('../../engine/docker/client.ts')
  const { ensureRuntimeImages } = await import('../../setup/images/runtime-images.ts')
  const { messageOf } = await import('../../problem.ts')
  try {
    await ensureRuntimeImages(connect(), { log: line => log.info('runtime_images', { line }) })
  } catch (error) {
    log.error('runtime_images_missing', { error: messageOf(error) })
  }
}
