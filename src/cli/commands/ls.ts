import { Command } from 'commander'
import type { AppShape, HostMemoryShape } from '../../api/shapes.ts'
import { Client } from '../client.ts'
import { examples } from '../examples.ts'
import { invocation } from '../invocation.ts'
import { type Json, jsonOption } from '../options.ts'
import { showState } from '../states.ts'
import { table } from '../table.ts'
import { print, printJson, remark, style } from '../terminal.ts'
import { tellTrouble } from '../trouble.ts'
import { formatAgo, formatMemory } from '../units.ts'

/** A host from before says nothing of its memory. */
type Answer = { apps: AppShape[]; memory?: HostMemoryShape }

export function lsCommand(): Command {
  return new Command('ls')
    .description('List the apps: what each is doing, the memory that it has, its release and its address.')
    .addOption(jsonOption('{"apps": […]}'))
    .addHelpText('after', examples(['ls', 'a table'], ['ls --json', 'the same for scripts, with settings']))
    .action(ls)
}

async function ls({ json }: Json): Promise<void> {
  const answer = await new Client().get<Answer>('/v1/apps')
  if (json) return printJson(answer)
  const { apps, memory } = answer
  if (apps.length === 0) {
    remark(`No apps yet. Put a folder online: ${invocation('deploy', './my-app')}`)
    return
  }
  const heading = ['NAME', 'STATE', 'MEMORY', 'RELEASE', 'RUNTIME', 'LAST USED', 'URL']
  const rows = apps.map(app => toRow(app, Date.now()))
  const [first = '', ...rest] = table([heading, ...rows])
  print(style('bold', first, process.stdout))
  for (const line of rest) print(line)
  if (memory !== undefined)
    remark(
      `${formatMemory(memory.charged)} of ${formatMemory(memory.budget)} of memory are taken (DORMICE_MEMORY)`,
    )
  for (const app of apps) tellTrouble(app)
}

function toRow(app: AppShape, now: number): string[] {
  const { name, state, release, runtime, lastUsedAt, url } = app
  const memory = app.memory.now === null ? '–' : formatMemory(app.memory.now)
  const used = lastUsedAt === null ? '–' : formatAgo(Date.parse(lastUsedAt), now)
  return [name, showState(state), memory, release === null ? '–' : String(release), runtime ?? '–', used, url]
}
