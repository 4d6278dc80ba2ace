import { Command } from 'commander'
import type { AppShape } from '../../api/shapes.ts'
import { Client } from '../client.ts'
import { examples } from '../examples.ts'
import { invocation } from '../invocation.ts'
import { type Json, jsonOption } from '../options.ts'
import { showState } from '../states.ts'
import { table } from '../table.ts'
import { print, printJson, remark, style } from '../terminal.ts'
import { tellTrouble } from '../trouble.ts'
import { formatAgo } from '../units.ts'

export function lsCommand(): Command {
  return new Command('ls')
    .description('List the apps: what each is doing, its release and its address.')
    .addOption(jsonOption('{"apps": […]}'))
    .addHelpText('after', examples(['ls', 'a table'], ['ls --json', 'the same for scripts, with settings']))
    .action(ls)
}

async function ls({ json }: Json): Promise<void> {
  const answer = await new Client().get<{ apps: AppShape[] }>('/v1/apps')
  if (json) return printJson(answer)
  const { apps } = answer
  if (apps.length === 0) {
    remark(`No apps yet. Put a folder online: ${invocation('deploy', './my-app')}`)
    return
  }
  const heading = ['NAME', 'STATE', 'RELEASE', 'RUNTIME', 'LAST USED', 'URL']
  const rows = apps.map(app => toRow(app, Date.now()))
  const [first = '', ...rest] = table([heading, ...rows])
  print(style('bold', first, process.stdout))
  for (const line of rest) print(line)
  for (const app of apps) tellTrouble(app)
}

function toRow({ name, state, release, runtime, lastUsedAt, url }: AppShape, now: number): string[] {
  const used = lastUsedAt === null ? '–' : formatAgo(Date.parse(lastUsedAt), now)
  return [name, showState(state), release === null ? '–' : String(release), runtime ?? '–', used, url]
}
