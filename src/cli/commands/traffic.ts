import { Command, InvalidArgumentError } from 'commander'
import type { AllTrafficShape, AppTrafficShape, TrafficShape } from '../../api/shapes.ts'
import { appPath, Client } from '../client.ts'
import { examples } from '../examples.ts'
import { jsonOption } from '../options.ts'
import { table } from '../table.ts'
import { print, printJson, remark, style } from '../terminal.ts'
import { count, formatBytes, formatMs } from '../units.ts'
import { localTime } from '../when.ts'

type Options = { hours: number; json?: boolean }

const HEADING = ['REQUESTS', '2XX', '3XX', '4XX', '5XX', 'ABORTED', 'P50', 'P95']
const HELD = ['WAKES', 'HELD P50', 'HELD P95', 'IN', 'OUT']
/** As long as figures are kept. */
const mostHours = 30 * 24

export function trafficCommand(): Command {
  return new Command('traffic')
    .description(
      'Show what the apps were asked, or one app hour by hour. P50 and P95 are how long half of the visitors, and 95 of 100, waited until the answer began: of requests to an awake app, and of those that were held for a wake.',
    )
    .argument('[app]', 'the app’s name')
    .option('--hours <n>', 'the last hours, the running one included', parseHours, 24)
    .addOption(jsonOption('{"since", "apps", "unrouted"}, or {"app", "since", "total", "hours"}'))
    .addHelpText(
      'after',
      examples(
        ['traffic', 'all apps, the last 24 hours'],
        ['traffic notes --hours 168', 'a week of one app'],
        ['traffic --json', 'the same for scripts, with more percentiles'],
      ),
    )
    .action(traffic)
}

async function traffic(app: string | undefined, { hours, json }: Options): Promise<void> {
  const client = new Client()
  const query = { since: `${hours - 1}h` }
  if (app === undefined) {
    const answer = await client.get<AllTrafficShape>('/v1/traffic', { query })
    if (json) return printJson(answer)
    const rows = answer.apps.map(figures => [figures.app, ...toRow(figures)])
    if (rows.length > 0) show([['APP', ...HEADING, ...HELD], ...rows])
    else remark(`No app was asked anything since ${localTime(Date.parse(answer.since))}.`)
    tellUnrouted(answer.unrouted)
    return
  }
  const answer = await client.get<AppTrafficShape>(appPath(app, 'traffic'), { query })
  if (json) return printJson(answer)
  if (answer.hours.length === 0) {
    remark(`${app} was asked nothing since ${localTime(Date.parse(answer.since))}.`)
    return
  }
  const rows = answer.hours.map(figures => [localTime(Date.parse(figures.hour)), ...toRow(figures)])
  show([['HOUR', ...HEADING, ...HELD], ...rows, ['all', ...toRow(answer.total)]])
}

function show(rows: string[][]): void {
  const [heading = '', ...lines] = table(rows)
  print(style('bold', heading, process.stdout))
  for (const line of lines) print(line)
}

function toRow({ requests, statuses, aborted, latency, wakes, received, sent }: TrafficShape): string[] {
  const counts = [
    requests,
    ...(['2xx', '3xx', '4xx', '5xx'] as const).map(each => statuses[each]),
    aborted.visitor + aborted.app + aborted.edge,
  ]
  const ms = (figure: number | undefined) => (figure === undefined ? '–' : formatMs(figure))
  return [
    ...counts.map(String),
    ms(latency.none?.p50),
    ms(latency.none?.p95),
    String(wakes),
    ms(latency.held?.p50),
    ms(latency.held?.p95),
    formatBytes(received),
    formatBytes(sent),
  ]
}

function tellUnrouted(unrouted: AllTrafficShape['unrouted']): void {
  const kinds = Object.entries(unrouted)
  if (kinds.length === 0) return
  const all = kinds.reduce((sum, [, each]) => sum + each, 0)
  const each = kinds.map(([code, times]) => `${code} ${times}`).join(', ')
  remark(`\nFor no app, since the host started: ${count(all, 'request')} (${each})`)
}

function parseHours(text: string): number {
  const hours = /^[1-9]\d{0,2}$/.test(text) ? Number(text) : 0
  if (hours >= 1 && hours <= mostHours) return hours
  throw new InvalidArgumentError(`Accepted: a whole number from 1 to ${mostHours}.`)
}
