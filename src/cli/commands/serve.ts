import { Command } from 'commander'
import type { Log } from '../../log.ts'
import type { RuntimeImages } from '../../setup/images/runtime-images.ts'
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
  const config = hostConfig()
  const log = createLog()
  await runHost(config, await runtimes(log), log, async () => {}, options)
}

/** The runtime images, made if they are missing; an engine that is down may come back while the host runs. */
async function runtimes(log: Log): Promise<RuntimeImages> {
  const { connect } = await import('../../engine/docker/client.ts')
  const { ensureRuntimeImages, runtimeImages } = await import('../../setup/images/runtime-images.ts')
  const { messageOf } = await import('../../problem.ts')
  try {
    return await ensureRuntimeImages(connect(), { log: line => log.info('runtime_images', { line }) })
  } catch (error) {
    log.error('runtime_images_missing', { error: messageOf(error) })
    return runtimeImages()
  }
}
