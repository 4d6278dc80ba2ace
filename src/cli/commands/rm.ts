import { Command } from 'commander'
import type { AppShape } from '../../api/shapes.ts'
import { Problem } from '../../problem.ts'
import { ask } from '../ask.ts'
import { appPath, Client } from '../client.ts'
import { examples } from '../examples.ts'
import { print } from '../terminal.ts'
import { UsageError } from '../usage-error.ts'

export function rmCommand(): Command {
  return new Command('rm')
    .description(
      'Delete an app: its releases, everything it wrote, its logs and its environment. There is no way back.',
    )
    .argument('<app>', 'the app’s name')
    .option('-y, --yes', 'do not ask for the name')
    .addHelpText(
      'after',
      examples(
        ['rm notes', 'asks for the name, then deletes'],
        ['rm notes --yes', 'deletes at once, for scripts'],
      ),
    )
    .action(rm)
}

async function rm(app: string, { yes }: { yes?: boolean }): Promise<void> {
  if (!yes && !process.stdin.isTTY) {
    throw new UsageError(
      'rm asks for the app’s name, and there is no terminal to ask on; pass --yes to delete it',
    )
  }
  const client = new Client()
  if (!yes) {
    const { name } = await client.get<AppShape>(appPath(app))
    const typed = await ask(`This deletes ${name} with everything it wrote. Type its name to go on: `)
    if (typed?.trim() !== name) {
      throw new Problem({
        code: 'not_confirmed',
        status: 400,
        detail: `nothing was deleted: that is not “${name}”`,
      })
    }
  }
  await client.call(appPath(app), { method: 'DELETE' })
  print(`${app} is deleted`)
}
