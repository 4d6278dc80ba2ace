import { Command } from 'commander'
import type { SnapshotShape } from '../../api/shapes.ts'
import { appPath, Client } from '../client.ts'
import { examples } from '../examples.ts'
import { invocation } from '../invocation.ts'
import { type Json, jsonOption } from '../options.ts'
import { parseSnapshot } from '../points.ts'
import { print, printJson, remark } from '../terminal.ts'

export function pinCommand(): Command {
  return new Command('pin')
    .description('Keep a snapshot for good. One that is not pinned is deleted when it is old.')
    .argument('<app>', 'the app’s name')
    .argument('<snapshot>', 's12 or 12', parseSnapshot)
    .option('--off', 'let it go again: unpin it')
    .addOption(jsonOption('the snapshot'))
    .addHelpText(
      'after',
      examples(['pin notes s12', 'keep snapshot 12'], ['pin notes s12 --off', 'unpin it']),
    )
    .action(pin)
}

async function pin(
  app: string,
  number: number,
  { off = false, json }: Json & { off?: boolean },
): Promise<void> {
  const snapshot = await new Client().call<SnapshotShape>(appPath(app, 'snapshots', String(number)), {
    method: 'PATCH',
    json: { pinned: !off },
  })
  if (json) return printJson(snapshot)
  if (off) return print(`s${number} of ${app} is not pinned any more`)
  print(`s${number} of ${app} is pinned`)
  remark(`Undo: ${invocation('pin', app, `s${number}`, '--off')}`)
}
