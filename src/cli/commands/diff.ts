import { Command } from 'commander'
import type { ChangesShape, SnapshotShape } from '../../api/shapes.ts'
import { appPath, Client } from '../client.ts'
import { examples } from '../examples.ts'
import { invocation } from '../invocation.ts'
import { type Json, jsonOption } from '../options.ts'
import { formatChanges, parseSnapshot } from '../points.ts'
import { named, print, printJson, remark, style } from '../terminal.ts'

const LETTERS = {
  added: ['A', 'green'],
  changed: ['M', 'yellow'],
  deleted: ['D', 'red'],
} as const satisfies Record<ChangesShape['changes'][number]['kind'], readonly [string, string]>

export function diffCommand(): Command {
  return new Command('diff')
    .description(
      'Show which files a snapshot changed: A added, M changed, D deleted, each with its path in the app’s container.',
    )
    .argument('<app>', 'the app’s name')
    .argument('[snapshot]', 's12 or 12; without it the newest', parseSnapshot)
    .addOption(jsonOption('{"snapshot", "changes", "total", "truncated"}'))
    .addHelpText(
      'after',
      examples(
        ['diff notes', 'what the last sleep that changed something changed'],
        ['diff notes s12', 'what snapshot 12 changed'],
      ),
    )
    .action(diff)
}

async function diff(app: string, chosen: number | undefined, { json }: Json): Promise<void> {
  const client = new Client()
  const snapshot = chosen ?? (await newest(client, app))
  if (snapshot === undefined) {
    if (json) return printJson({ snapshot: null, changes: [], total: null, truncated: false })
    remark(`${app} has no snapshots yet. Take one now: ${invocation('snapshot', app)}`)
    return
  }
  const path = appPath(app, 'snapshots', String(snapshot), 'changes')
  // Takes a while for a large snapshot, whose layers are read for it.
  const answer = await client.call<ChangesShape>(path, {})
  if (json) return printJson({ snapshot, ...answer })
  for (const { path, kind } of answer.changes) {
    const [letter, colour] = LETTERS[kind]
    print(style(colour, `${letter} ${named(path)}`, process.stdout))
  }
  const { added, changed, deleted } = answer.total
  const all = added + changed + deleted
  if (answer.truncated) remark(`… and ${all - answer.changes.length} more`)
  remark(
    all === 0
      ? `s${snapshot} of ${app} changed no file`
      : `s${snapshot} of ${app}: ${formatChanges(answer.total)}`,
  )
}

async function newest(client: Client, app: string): Promise<number | undefined> {
  const { snapshots } = await client.get<{ snapshots: SnapshotShape[] }>(appPath(app, 'snapshots'))
  return snapshots.at(-1)?.number
}
