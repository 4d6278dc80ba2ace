import { Command } from 'commander'
import type { AppShape, OverrunShape, ReleaseShape, SnapshotShape } from '../../api/shapes.ts'
import { appPath, Client } from '../client.ts'
import { examples } from '../examples.ts'
import { invocation } from '../invocation.ts'
import { type Json, jsonOption } from '../options.ts'
import { tellOfLimit } from '../over-limit.ts'
import { table } from '../table.ts'
import { print, printJson, remark, style } from '../terminal.ts'
import { timelineRows } from '../timeline-rows.ts'

export function timelineCommand(): Command {
  return new Command('timeline')
    .description(
      'Show an app’s history, newest last: its releases (r1, r2, …) and the snapshots of what it wrote (s1, s2, …), one for each sleep that changed something. “*” marks the release and the snapshot that it goes on from; +3 ~1 −2 are files added, changed and deleted; “!” is where it reached its memory limit.',
    )
    .argument('<app>', 'the app’s name')
    .addOption(jsonOption('{"app", "releases", "snapshots", "overruns"}'))
    .addHelpText(
      'after',
      examples(['timeline notes', 'a table'], ['timeline notes --json', 'the same for scripts']),
    )
    .action(timeline)
}

async function timeline(app: string, { json }: Json): Promise<void> {
  const client = new Client()
  const { releases } = await client.get<{ releases: ReleaseShape[] }>(appPath(app, 'releases'))
  const { snapshots, overruns } = await client.get<{
    snapshots: SnapshotShape[]
    overruns: OverrunShape[]
  }>(appPath(app, 'snapshots'))
  if (json) return printJson({ app, releases, snapshots, overruns })
  if (releases.length === 0) {
    remark(`${app} has no release yet. Deploy one: ${invocation('deploy', './my-app', '--name', app)}`)
    return
  }
  const [heading = '', ...lines] = table(timelineRows(releases, snapshots, overruns, Date.now())).map(line =>
    line.trimEnd(),
  )
  print(style('bold', heading, process.stdout))
  for (const line of lines) print(line)
  const last = overruns.at(-1)
  if (last) tellOfLimit(await client.get<AppShape>(appPath(app)), last)
  tellMore(app, snapshots)
}

function tellMore(app: string, snapshots: readonly SnapshotShape[]): void {
  const last = snapshots.at(-1)
  if (!last) {
    remark(`\nNo snapshots yet: ${app} gets one when it sleeps and has written something.`)
    remark(`Take one now: ${invocation('snapshot', app)}`)
    return
  }
  const current = snapshots.find(({ current }) => current)?.number ?? Number.POSITIVE_INFINITY
  const older = snapshots.findLast(({ number }) => number < current)
  remark(`\nWhat one changed: ${invocation('diff', app, `s${last.number}`)}`)
  if (older) remark(`Go back to one:   ${invocation('rollback', app, `s${older.number}`)}`)
}
