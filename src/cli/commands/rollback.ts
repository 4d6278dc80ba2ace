import { Command } from 'commander'
import type { AppShape, SnapshotShape } from '../../api/shapes.ts'
import { formatElapsed } from '../../setup/steps.ts'
import { appPath, Client } from '../client.ts'
import { examples } from '../examples.ts'
import { invocation } from '../invocation.ts'
import { type Json, jsonOption } from '../options.ts'
import { type Point, parsePoint, stateBefore } from '../points.ts'
import { print, printJson, remark } from '../terminal.ts'

export function rollbackCommand(): Command {
  return new Command('rollback')
    .description(
      'Go back to a snapshot: its release and every file as it was then. Or to a release: its code, with what the app wrote until today. What the app is now is kept as a snapshot, so that this can be undone. Requests wait meanwhile; if the app does not start, it stays as it is.',
    )
    .argument('<app>', 'the app’s name')
    .argument('<point>', 's12 or 12: a snapshot; r3: a release', parsePoint)
    .addOption(jsonOption('the app'))
    .addHelpText(
      'after',
      examples(
        ['rollback notes s12', 'code and files as they were at snapshot 12'],
        ['rollback notes r3', 'the code of release 3, today’s files'],
      ),
    )
    .action(rollback)
}

async function rollback(app: string, to: Point, { json }: Json): Promise<void> {
  const client = new Client()
  const list = () => client.get<{ snapshots: SnapshotShape[] }>(appPath(app, 'snapshots'))
  const { release, state } = await client.get<AppShape>(appPath(app))
  const before = { release, ...(await list()) }
  const started = performance.now()
  const now = await client.call<AppShape>(appPath(app, 'rollback'), { method: 'POST', json: to })
  if (json) return printJson(now)
  const took = formatElapsed(performance.now() - started)
  print(`${describe(now, to)} (${took})  ${now.url}`)
  // What was lost is not there to go back to.
  if (state === 'lost') return
  const undo = stateBefore(before, (await list()).snapshots)
  if (undo) remark(`undo: ${invocation('rollback', app, `s${undo.number}`)}`)
  // It had written nothing, so its code is all that it was.
  else if (release !== null && release !== now.release)
    remark(`undo: ${invocation('rollback', app, `r${release}`)}`)
}

function describe({ name, release, snapshot }: AppShape, to: Point): string {
  if ('release' in to) {
    const state = snapshot === null ? '' : `; what it wrote is kept, as s${snapshot}`
    return `${name} is back on release ${to.release}${state}`
  }
  return `${name} is back at s${to.snapshot}: release ${release ?? '–'}, and its files as they were then`
}
