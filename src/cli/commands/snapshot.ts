import { Command } from 'commander'
import type { TakenShape } from '../../api/shapes.ts'
import { appPath, Client } from '../client.ts'
import { examples } from '../examples.ts'
import { invocation } from '../invocation.ts'
import { type Json, jsonOption } from '../options.ts'
import { print, printJson, remark } from '../terminal.ts'
import { formatBytes } from '../units.ts'

export function snapshotCommand(): Command {
  return new Command('snapshot')
    .description(
      'Take a snapshot of what an app wrote, now. A running app goes on; it stands still for a moment while its disk is read. Where nothing was written since the newest snapshot, none is taken.',
    )
    .argument('<app>', 'the app’s name')
    .addOption(jsonOption('{"taken", "snapshot"}'))
    .addHelpText('after', examples(['snapshot notes', 'before something that may go wrong']))
    .action(take)
}

async function take(app: string, { json }: Json): Promise<void> {
  const answer = await new Client().call<TakenShape>(appPath(app, 'snapshots'), { method: 'POST' })
  if (json) return printJson(answer)
  const { taken, snapshot } = answer
  if (!snapshot) return print(`no snapshot: ${app} has written nothing since it was deployed`)
  const name = `s${snapshot.number}`
  if (!taken) return print(`no new snapshot: ${app} has written nothing since ${name}`)
  print(`${name} is taken of ${app} (${formatBytes(snapshot.bytes)})`)
  remark(`Go back to it: ${invocation('rollback', app, name)}`)
}
