import { Command } from 'commander'
import type { AppShape } from '../api/shapes.ts'
import { formatElapsed } from '../setup/steps.ts'
import { appPath, Client } from './client.ts'
import { examples } from './examples.ts'
import { type Json, jsonOption } from './options.ts'
import { showState } from './states.ts'
import { print, printJson } from './terminal.ts'

/** A command that moves an app's instance and says what it is doing then, and how long that took. */
export function moveCommand(verb: 'wake' | 'sleep' | 'restart', description: string): Command {
  return new Command(verb)
    .description(description)
    .argument('<app>', 'the app’s name')
    .addOption(jsonOption('the app'))
    .addHelpText('after', examples([`${verb} notes`, `${verb} the app “notes”`]))
    .action(async (app: string, { json }: Json) => {
      const started = performance.now()
      const moved = await new Client().call<AppShape>(appPath(app, verb), { method: 'POST' })
      if (json) return printJson(moved)
      const took = formatElapsed(performance.now() - started)
      const what = verb === 'restart' ? 'restarted, ' : ''
      const where = moved.state === 'awake' ? `  ${moved.url}` : ''
      print(`${moved.name} is ${what}${showState(moved.state)} (${took})${where}`)
    })
}
