import { Command } from 'commander'
import { examples } from '../examples.ts'
import { quoted } from '../invocation.ts'
import { leaveRunningOption, type StopOptions } from '../options.ts'
import { USUAL_URL } from '../target.ts'
import { print } from '../terminal.ts'

export function upCommand(): Command {
  return new Command('up')
    .description(
      'Prepare this machine and start the host in the foreground. The container engine and the runtime images are found or made; the first start deploys a small app, “hello”.',
    )
    .addHelpText('after', examples(['up', 'everything, until Ctrl-C']))
    .addOption(leaveRunningOption())
    .action(up)
}

async function up({ leaveRunning }: StopOptions): Promise<void> {
  const { hostConfig, runHost } = await import('../foreground.ts')
  // A wrong setting is told before minutes of preparation.
  const config = hostConfig()
  const { prepare } = await import('../../setup/up.ts')
  const { images } = await prepare()
  const { createLog, quiet } = await import('../../log.ts')
  await runHost(
    config,
    images,
    quiet(createLog()),
    async host => {
      const first = host.isNew && (await deployHello(host.url, host.tokenFile))
      if (first) host.welcomed()
      print('')
      print(`Dormice is up.   ${host.url}  (dashboard and API)`)
      if (first) print(`A first app:     ${host.appUrl('hello')}`)
      print(`Admin token in:  ${host.tokenFile}`)
      const settings = unusual(host.url, config.data)
      if (settings.length > 0) print(`For commands:    export ${settings.join(' ')}`)
      print(
        leaveRunning
          ? 'Ctrl-C stops; awake apps go on running.'
          : 'Ctrl-C puts every app to sleep and stops.',
      )
    },
    { leaveRunning },
  )
}

/** What another terminal has to be told so that commands find this host: settings for its shell. */
function unusual(url: string, data: string): string[] {
  return [
    ...(url === USUAL_URL ? [] : [`DORMICE_URL=${url}`]),
    ...(process.env['DORMICE_DATA'] ? [`DORMICE_DATA=${quoted(data)}`] : []),
  ]
}

/** The first app, so that there is something to look at; false: it failed, and a host is a host all the same. */
async function deployHello(url: string, tokenFile: string): Promise<boolean> {
  const { join } = await import('node:path')
  const { readFileSync } = await import('node:fs')
  const { packageRoot } = await import('../../paths.ts')
  const { Client } = await import('../client.ts')
  const { deploy } = await import('../deploy.ts')
  const { messageOf } = await import('../../problem.ts')
  const { remark } = await import('../terminal.ts')
  const client = new Client({
    url: new URL(url),
    token: readFileSync(tokenFile, 'utf8').trim(),
    tokenFrom: tokenFile,
  })
  const source = { kind: 'path' as const, path: join(packageRoot, 'examples/hello') }
  try {
    await deploy(client, { app: 'hello', source, fresh: false, first: true })
    return true
  } catch (error) {
    remark(`examples/hello is not deployed: ${messageOf(error)}`)
    return false
  }
}
