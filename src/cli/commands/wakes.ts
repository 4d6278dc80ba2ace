import { Command, InvalidArgumentError } from 'commander'
import type { WakeShape } from '../../api/shapes.ts'
import { appPath, Client } from '../client.ts'
import { examples } from '../examples.ts'
import { jsonOption } from '../options.ts'
import { table } from '../table.ts'
import { named, print, printJson, remark, style } from '../terminal.ts'
import { formatMs } from '../units.ts'
import { formatWhen } from '../when.ts'

type Options = { limit: number; json?: boolean }

const HEADING = ['WHEN', 'KIND', 'TOTAL', 'QUEUE', 'CREATE', 'START', 'READY/THAW', 'OUTCOME']
/** As many as are kept. */
const most = 100

export function wakesCommand(): Command {
  return new Command('wakes')
    .description(
      'Show how an app’s last wakes went, newest last, those that failed too: how long each took, and of that how long until the engine was asked (QUEUE: for memory, for a turn), until the container was created and ran, and until its port answered, or the frozen app went on.',
    )
    .argument('<app>', 'the app’s name')
    .option('--limit <n>', 'the last so many', parseLimit, 20)
    .addOption(jsonOption('{"app", "wakes"}, newest first,'))
    .addHelpText(
      'after',
      examples(
        ['wakes notes', 'the last 20'],
        ['wakes notes --limit 100 --json', 'all that are kept, for scripts'],
      ),
    )
    .action(wakes)
}

async function wakes(app: string, { limit, json }: Options): Promise<void> {
  const query = { limit: String(limit) }
  const { wakes } = await new Client().get<{ wakes: WakeShape[] }>(appPath(app, 'wakes'), { query })
  if (json) return printJson({ app, wakes })
  if (wakes.length === 0) {
    remark(`${app} has not woken yet.`)
    return
  }
  const now = Date.now()
  const [heading = '', ...lines] = table([HEADING, ...wakes.toReversed().map(wake => toRow(wake, now))])
  print(style('bold', heading, process.stdout))
  for (const line of lines) print(line)
}

function toRow({ at, kind, ms, parts, outcome }: WakeShape, now: number): string[] {
  const part = (took: number | undefined) => (took === undefined ? '–' : formatMs(took))
  return [
    formatWhen(Date.parse(at), now),
    kind,
    formatMs(ms),
    ...[parts.queue, parts.create, parts.start, parts.ready ?? parts.thaw].map(part),
    outcome === 'awake' ? outcome : style('red', named(outcome), process.stdout),
  ]
}

function parseLimit(text: string): number {
  const limit = /^[1-9]\d{0,2}$/.test(text) ? Number(text) : 0
  if (limit >= 1 && limit <= most) return limit
  throw new InvalidArgumentError(`Accepted: a whole number from 1 to ${most}.`)
}
