import { Command } from 'commander'
import type { AppShape } from '../../api/shapes.ts'
import { checkName } from '../app-name.ts'
import { appPath, Client } from '../client.ts'
import { examples } from '../examples.ts'
import { type Json, jsonOption } from '../options.ts'
import { parseSnapshot } from '../points.ts'
import { print, printJson, remark } from '../terminal.ts'

export function forkCommand(): Command {
  return new Command('fork')
    .description(
      'Make a new app of another: its code, its files, its settings and its environment, as they are now or with the files of a snapshot. From then on the two have nothing to do with each other. They share the disk space of what they have in common.',
    )
    .argument('<app>', 'the app’s name')
    .argument('<new>', 'the new app’s name')
    .option('--at <snapshot>', 's12 or 12: as it was at that snapshot', parseSnapshot)
    .addOption(jsonOption('the new app'))
    .addHelpText(
      'after',
      examples(
        ['fork notes notes-test', 'try something on a copy'],
        ['fork notes notes-then --at s12', 'a copy of what it was at snapshot 12'],
      ),
    )
    .action(fork)
}

async function fork(app: string, into: string, { at, json }: Json & { at?: number }): Promise<void> {
  const name = checkName(into, 'the new name')
  const made = await new Client().call<AppShape>(appPath(app, 'fork'), {
    method: 'POST',
    json: { name, snapshot: at },
  })
  if (json) return printJson(made)
  print(made.url)
  const point = at === undefined ? `${app} as it is now` : `${app} as it was at s${at}`
  remark(`${made.name} is a copy of ${point}; it sleeps until its first request`)
}
