import { Command } from 'commander'
import type { AppShape } from '../../api/shapes.ts'
import { appPath, Client } from '../client.ts'
import { examples } from '../examples.ts'
import { idleTimes, neverFrozen } from '../idle-times.ts'
import { invocation } from '../invocation.ts'
import { type Json, jsonOption } from '../options.ts'
import { settingRows } from '../setting-rows.ts'
import { readValue } from '../setting-values.ts'
import { settings } from '../settings.ts'
import { table } from '../table.ts'
import { print, printJson, remark } from '../terminal.ts'
import { UsageError } from '../usage-error.ts'
import { whenApplied } from '../when-applied.ts'

export function setCommand(): Command {
  return new Command('set')
    .description(
      'Change settings of an app, all or none. What is set here wins over its `dormice.json`; what is taken back is as that says, or the default.',
    )
    .argument('<app>', 'the app’s name')
    .argument('[setting=value...]', 'what to set; with nothing after “=” the setting is taken back')
    .option('--unset <settings>', 'take these back, with commas between', listed)
    .addOption(jsonOption('the app'))
    .addHelpText(
      'after',
      examples(
        ['set notes memory=512m sleepAfter=30m', 'set two'],
        ['set notes idle=cpu', 'awake while it computes'],
        ["set notes ignore='/health,/wp-*,monitors'", 'paths and User-Agents that wake nobody'],
        [`set notes waiting='{"title": "Good morning"}'`, 'its waiting page'],
        ['set notes memory= cpu=', 'take two back'],
        ['set notes --unset memory,cpu', 'the same'],
      ) + list(),
    )
    .action(set)
}

type Options = Json & { unset?: readonly string[] }

async function set(name: string, pairs: readonly string[], { unset = [], json }: Options): Promise<void> {
  const wanted = readPairs(pairs)
  const both = unset.find(setting => Object.hasOwn(wanted, setting))
  if (both !== undefined)
    throw new UsageError(`${both} is to be set and taken back; accepted: one of the two`)
  const change = { ...wanted, ...Object.fromEntries(unset.map(setting => [setting, null])) }
  const changed = Object.keys(change)
  if (changed.length === 0)
    throw new UsageError(
      `no setting is named; accepted: e.g. memory=512m; \`${invocation('show', name)}\` shows them all`,
    )
  const app = await new Client().call<AppShape>(appPath(name), { method: 'PATCH', json: change })
  if (json) return printJson(app)
  for (const line of table(settingRows(app, changed))) print(line)
  const { cpu } = app.settings
  if (Number(wanted['cpu']) > cpu) remark(`cpu is ${cpu}, for the machine has no more cores.`)
  const unfrozen = changed.some(setting => idleTimes.includes(setting)) && neverFrozen(app)
  if (unfrozen) remark(unfrozen)
  remark(whenApplied(app, changed))
}

function readPairs(pairs: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    pairs.map(pair => {
      const [, name, text = ''] = /^([a-z][\w-]*)=(.*)$/is.exec(pair) ?? []
      if (name === undefined)
        throw new UsageError(`"${pair}" sets nothing; accepted: a setting and its value, e.g. memory=512m`)
      return [name, text.trim() === '' ? null : readValue(name, text)]
    }),
  )
}

/** More than one `--unset` is all of them together. */
function listed(text: string, before: readonly string[] = []): string[] {
  return [...before, ...text.split(',').flatMap(part => part.trim() || [])]
}

function list(): string {
  const rows = Object.entries(settings).map(([name, { accepted, what }]) => [`  ${name}`, accepted, what])
  return `\n\nSettings:\n${table(rows).join('\n')}`
}
