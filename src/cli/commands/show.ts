import { Command } from 'commander'
import type { AppShape } from '../../api/shapes.ts'
import { appPath, Client } from '../client.ts'
import { examples } from '../examples.ts'
import { neverFrozen } from '../idle-times.ts'
import { invocation } from '../invocation.ts'
import { type Json, jsonOption } from '../options.ts'
import { overrunLately } from '../over-limit.ts'
import { settingRows } from '../setting-rows.ts'
import { showState } from '../states.ts'
import { table } from '../table.ts'
import { print, printJson, remark, style } from '../terminal.ts'
import { tellTrouble } from '../trouble.ts'
import { formatAgo, formatMemory } from '../units.ts'
import { whenApplied } from '../when-applied.ts'

export function showCommand(): Command {
  return new Command('show')
    .description(
      'Show an app: what it is doing, its address and release, and its settings, each with where it comes from: set by hand, its `dormice.json`, or the default.',
    )
    .argument('<app>', 'the app’s name')
    .addOption(jsonOption('the app'))
    .addHelpText('after', examples(['show notes', 'a table'], ['show notes --json', 'the same for scripts']))
    .action(show)
}

async function show(name: string, { json }: Json): Promise<void> {
  const app = await new Client().get<AppShape>(appPath(name))
  if (json) return printJson(app)
  for (const line of table(facts(app, Date.now()))) print(line)
  const [heading = '', ...lines] = table([['SETTING', 'FROM', 'VALUE'], ...settingRows(app)])
  print('')
  print(style('bold', heading, process.stdout))
  for (const line of lines) print(line)
  tellTrouble(app)
  const { pendingSettings } = app
  if (pendingSettings.length > 0) remark(`\n${whenApplied(app, pendingSettings)}`)
  const unfrozen = neverFrozen(app)
  if (unfrozen) remark(`\n${unfrozen}`)
  const { suggested } = app.memory
  if (suggested !== null && !overrunLately(app, Date.now())) {
    const setting = `memory=${suggested / 1024 ** 2}m`
    remark(`\nA limit that fits what it needs: ${invocation('set', app.name, setting)}`)
  }
  remark(`\nTo change one: ${invocation('set', app.name, 'sleepAfter=30m')}`)
}

function facts(app: AppShape, now: number): string[][] {
  const { state, url, release, runtime, lastUsedAt } = app
  return [
    ['state', showState(state)],
    ['address', url],
    ['release', release === null ? 'none yet' : `r${release}, ${runtime}`],
    ['last used', lastUsedAt === null ? 'never' : formatAgo(Date.parse(lastUsedAt), now)],
    ['memory', showMemory(app)],
  ]
}

function showMemory({ memory: { now, peak } }: AppShape): string {
  if (peak === null) return 'not known yet'
  const most = `${formatMemory(peak)} at most so far`
  return now === null ? most : `${formatMemory(now)}, ${most}`
}
