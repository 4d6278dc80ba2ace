import { Command } from 'commander'
import type { AppShape } from '../api/shapes.ts'
import { formatElapsed } from '../setup/steps.ts'
import { appPath, Client } from './client.ts'
import { examples } from './examples.ts'
import { type Json, jsonOption } from './options.ts'
import { showState } from './states.ts'
import { print, printJson } from './terminal.ts'

/** What was done to an app that somebody, a visitor for one, has moved on since: the states that tell so. */
const SINCE: Readonly<Record<Verb, { states: readonly AppShape['state'][]; done: string }>> = {
  wake: { states: ['frozen', 'falling-asleep', 'asleep'], done: 'was woken' },
  sleep: { states: ['waking', 'awake', 'frozen'], done: 'was put to sleep' },
  freeze: { states: ['waking', 'awake', 'falling-asleep', 'asleep'], done: 'was frozen' },
  restart: { states: ['frozen', 'falling-asleep', 'asleep'], done: 'was restarted' },
}

type Verb = 'wake' | 'sleep' | 'freeze' | 'restart'

/** A command that moves an app's instance and says what it is doing then, and how long that took. */
export function moveCommand(verb: Verb, description: string): Command {
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
      const { states, done } = SINCE[verb]
      const since = states.includes(moved.state) ? `${done}, and by now ` : ''
      const what = verb === 'restart' && !since ? 'restarted, ' : ''
      const where = moved.state === 'awake' ? `  ${moved.url}` : ''
      print(`${moved.name} ${since}is ${what}${showState(moved.state)} (${took})${where}`)
    })
}
