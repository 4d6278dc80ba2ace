import { once } from 'node:events'
import { Command, InvalidArgumentError } from 'commander'
import type { LogLineShape } from '../../api/shapes.ts'
import { appPath, Client } from '../client.ts'
import { examples } from '../examples.ts'
import { interruptible } from '../interrupt.ts'
import { jsonOption } from '../options.ts'
import { printable, style } from '../terminal.ts'

type Options = { follow?: boolean; since?: string; tail?: string; json?: boolean }

export function logsCommand(): Command {
  return new Command('logs')
    .description(
      'Show what an app printed, across its sleeps, oldest first. “!” marks what it printed on stderr.',
    )
    .argument('<app>', 'the app’s name')
    .option('-f, --follow', 'go on with new lines, until Ctrl-C (which ends with exit code 0)')
    .option(
      '--since <time>',
      'only from then on: 30s, 10m, 2h, 1d, or a time such as 2026-01-31T12:00',
      parseSince,
    )
    .option('--tail <lines>', 'only the last lines', parseTail)
    .addOption(jsonOption('a JSON object per line instead of text,').default(undefined))
    .addHelpText(
      'after',
      examples(
        ['logs notes', 'everything that is kept'],
        ['logs notes -f --tail 20', 'the last 20 lines, then new ones'],
        ['logs notes --since 10m', 'of the last ten minutes'],
        ['logs notes --json', 'one {"at", "stream", "text"} per line, for scripts'],
      ),
    )
    .action(logs)
}

async function logs(app: string, { follow, since, tail, json }: Options): Promise<void> {
  await interruptible(async signal => {
    const query = { follow: follow ? 'true' : undefined, since, tail }
    try {
      for await (const line of new Client().lines<LogLineShape>(appPath(app, 'logs'), { query, signal })) {
        const text = json ? JSON.stringify(line) : format(line)
        if (!process.stdout.write(`${text}\n`)) await once(process.stdout, 'drain', { signal })
      }
    } catch (error) {
      // Following has no other end.
      if (!follow || !signal.aborted) throw error
    }
  })
}

function format({ at, stream, text }: LogLineShape): string {
  const time = style('dim', localTime(new Date(at)), process.stdout)
  const mark = stream === 'stderr' ? style('yellow', '!', process.stdout) : ' '
  return `${time} ${mark} ${process.stdout.isTTY ? printable(text) : text}`
}

/** `2026-01-31 12:00:00.000`, in this machine's time zone; `--since` takes it too. */
function localTime(time: Date): string {
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000)
    .toISOString()
    .slice(0, 23)
    .replace('T', ' ')
}

function parseSince(text: string): string {
  if (/^\d+(\.\d+)?(ms|s|m|h|d)$/.test(text)) return text
  const time = new Date(text)
  if (Number.isNaN(time.getTime()) || !/^\d{4}-/.test(text)) {
    throw new InvalidArgumentError('Accepted: 30s, 10m, 2h, 1d, or a time such as 2026-01-31T12:00.')
  }
  return time.toISOString()
}

function parseTail(text: string): string {
  if (/^\d{1,7}$/.test(text) && Number(text) <= 1_000_000) return text
  throw new InvalidArgumentError('Accepted: a whole number from 0 to 1000000.')
}
