import { Command } from 'commander'
import { examples } from '../examples.ts'

export function serveCommand(): Command {
  return new Command('serve')
    .description(
      'Start the host in the foreground on a machine that is prepared: a container engine that answers, the runtime images on it. For systemd and the image; `up` prepares the machine too.',
    )
    .addHelpText('after', examples(['serve', 'the host, until Ctrl-C or SIGTERM']))
    .action(serve)
}

async function serve(): Promise<void> {
  const { runHost } = await import('../foreground.ts')
  const { runtimeImages } = await import('../../setup/images/runtime-images.ts')
  await runHost(runtimeImages(), async () => {})
}
