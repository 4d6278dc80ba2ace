import { Command } from 'commander'
import type { SnapshotShape } from '../../api/shapes.ts'
import { Problem } from '../../problem.ts'
import { ask } from '../ask.ts'
import { appPath, Client } from '../client.ts'
import { examples } from '../examples.ts'
import { parseSnapshot } from '../points.ts'
import { print } from '../terminal.ts'
import { formatAgo } from '../units.ts'
import { UsageError } from '../usage-error.ts'

export function forgetCommand(): Command {
  return new Command('forget')
    .description(
      'Delete a snapshot. There is no way back to it then. Neither the one that the app goes on from nor one that is pinned can be deleted.',
    )
    .argument('<app>', 'the app’s name')
    .argument('<snapshot>', 's12 or 12', parseSnapshot)
    .option('-y, --yes', 'do not ask')
    .addHelpText(
      'after',
      examples(
        ['forget notes s12', 'asks, then deletes snapshot 12'],
        ['forget notes s12 --yes', 'deletes at once, for scripts'],
      ),
    )
    .action(forget)
}

async function forget(app: string, number: number, { yes }: { yes?: boolean }): Promise<void> {
  const name = `s${number}`
  if (!yes && !process.stdin.isTTY) {
    throw new UsageError(
      `forget asks before it deletes ${name}, and there is no terminal to ask on; pass --yes to delete it`,
    )
  }
  const client = new Client()
  if (!yes) await confirm(client, app, number)
  await client.call(appPath(app, 'snapshots', String(number)), { method: 'DELETE' })
  print(`${name} of ${app} is deleted`)
}

async function confirm(client: Client, app: string, number: number): Promise<void> {
  const { snapshots } = await client.get<{ snapshots: SnapshotShape[] }>(appPath(app, 'snapshots'))
  const found = snapshots.find(snapshot => snapshot.number === number)
  // What is not there, or in use, the host says better.
  if (!found || found.current || found.pinned) return
  const taken = formatAgo(Date.parse(found.createdAt), Date.now())
  const typed = await ask(`This deletes s${number} of ${app}, taken ${taken}. Type s${number} to go on: `)
  if (typed?.trim() === `s${number}`) return
  throw new Problem({
    code: 'not_confirmed',
    status: 400,
    detail: `nothing was deleted: that is not “s${number}”`,
  })
}
