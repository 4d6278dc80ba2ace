import { Command, InvalidArgumentError } from 'commander'
import type { AppShape } from '../../api/shapes.ts'
import { Problem } from '../../problem.ts'
import { accessRows, RULES } from '../access-rows.ts'
import { ask, readInput } from '../ask.ts'
import { appPath, Client } from '../client.ts'
import { examples } from '../examples.ts'
import { invocation } from '../invocation.ts'
import { type Json, jsonOption } from '../options.ts'
import { table } from '../table.ts'
import { print, printJson, remark } from '../terminal.ts'
import { UsageError } from '../usage-error.ts'

export function accessCommand(): Command {
  const access = new Command('access')
    .description(
      'Who may come to an app, and how much of it they get. Whoever may not is answered without waking it. Changes apply at once.',
    )
    .usage('<set|unset|show|clear> <app> …')
    .helpCommand(false)
    .addHelpText('after', examples(...SETTING, ...UNSETTING, ...SHOWING, ...CLEARING))
  access
    .command('set')
    .summary('set rules')
    .description('Set rules; those that are not named stay. A list takes the place of the one before.')
    .argument('<app>', 'the app’s name')
    .option('--allow <networks>', 'only these may come: addresses and networks with commas between', networks)
    .option('--deny <networks>', 'these may not come, whatever is allowed', networks)
    .option('--user <name>', 'ask for a password, and set this user’s: typed, or from standard input')
    .option('--rate <rate>', 'requests that one address may send, e.g. 20/s or 600/m')
    .option('--max-body <size>', 'how large a request’s body may be, e.g. 1m')
    .option('--concurrency <requests>', 'how many the app gets at a time; more wait', whole)
    .option('--queue <requests>', 'how many may wait; 100 when not set', whole)
    .option('--queue-timeout <time>', 'how long they wait, e.g. 10s; 30s when not set')
    .addOption(jsonOption('{"access": …}'))
    .addHelpText('after', examples(...SETTING))
    .action(set)
  access
    .command('unset')
    .summary('take rules back, or users')
    .description(`Take rules back. They are called ${Object.keys(RULES).join(', ')}.`)
    .argument('<app>', 'the app’s name')
    .argument('[rule...]', 'names of rules')
    .option('--user <names>', 'remove only these users, with commas between', listed)
    .addOption(jsonOption('{"access": …}'))
    .addHelpText('after', examples(...UNSETTING))
    .action(unset)
  access
    .command('show')
    .summary('show the rules')
    .description('Show the rules, also those of the app’s `dormice.json`. Passwords are never shown.')
    .argument('<app>', 'the app’s name')
    .addOption(jsonOption('{"access": …}'))
    .addHelpText('after', examples(...SHOWING))
    .action(show)
  access
    .command('clear')
    .summary('take all rules back')
    .description('Take back all rules that were set here; those of the app’s `dormice.json` apply again.')
    .argument('<app>', 'the app’s name')
    .addOption(jsonOption('{"access": …}'))
    .addHelpText('after', examples(...CLEARING))
    .action((app: string, json: Json) => change(app, null, json))
  return access
}

const SETTING: [string, string][] = [
  ['access set notes --allow 10.0.0.0/8,2001:db8::/32', 'for these networks only'],
  ['access set notes --user anna', 'asks for her password'],
  ['access set notes --user anna < password.txt', 'takes it from a file'],
  ['access set notes --rate 20/s --max-body 1m --concurrency 4', 'not too much at once'],
]
const UNSETTING: [string, string][] = [
  ['access unset notes rate max-body', 'take two rules back'],
  ['access unset notes --user anna', 'remove one user'],
]
const SHOWING: [string, string][] = [['access show notes', 'which there are']]
const CLEARING: [string, string][] = [['access clear notes', 'as if none had been set']]

type Rules = Json & {
  allow?: string[]
  deny?: string[]
  user?: string
  rate?: string
  maxBody?: string
  concurrency?: number
  queue?: number
  queueTimeout?: string
}

async function set(app: string, { json, user, ...rules }: Rules): Promise<void> {
  if (user === undefined && Object.keys(rules).length === 0)
    throw new UsageError('no rule to set is named; accepted: --allow, --deny, --user, --rate, --max-body, …')
  const auth = user === undefined ? {} : { auth: { [user]: await readPassword(user) } }
  await change(app, { ...rules, ...auth }, { json })
}

async function unset(
  app: string,
  names: string[],
  { json, user }: Json & { user?: string[] },
): Promise<void> {
  if (names.length === 0 && !user)
    throw new UsageError(`no rule is named; accepted: ${Object.keys(RULES).join(', ')}, or --user <name>`)
  const rules: Record<string, unknown> = {}
  if (user) await known(app, user)
  if (user) rules['auth'] = Object.fromEntries(user.map(name => [name, null]))
  for (const name of names) {
    const rule = Object.hasOwn(RULES, name) ? RULES[name] : undefined
    if (!rule) throw new UsageError(`"${name}" is no rule; accepted: ${Object.keys(RULES).join(', ')}`)
    rules[rule] = null
  }
  await change(app, rules, { json })
}

/** A user whose name was mistyped would go on coming in. @throws {Problem} the app has none of that name */
async function known(app: string, users: readonly string[]): Promise<void> {
  const { name, settings } = await new Client().get<AppShape>(appPath(app))
  const there = settings.access?.auth ?? []
  const missing = users.find(user => !there.includes(user))
  if (missing === undefined) return
  throw new Problem({
    code: 'unknown_user',
    status: 404,
    detail: `${name} has no user "${missing}"; there is ${there.join(', ') || 'none'}, and nothing is changed`,
  })
}

async function show(app: string, { json }: Json): Promise<void> {
  tell(await new Client().get<AppShape>(appPath(app)), json)
}

/** @param access null: none */
async function change(app: string, access: unknown, { json }: Json): Promise<void> {
  tell(await new Client().call<AppShape>(appPath(app), { method: 'PATCH', json: { access } }), json)
}

function tell({ name, settings: { access } }: AppShape, json = false): void {
  const lines = access ? table(accessRows(access)) : []
  if (json) {
    printJson({ access })
    return
  }
  for (const line of lines) print(line)
  if (lines.length > 0) return
  remark(
    `Everybody may come to ${name}. To change that: ${invocation('access', 'set', name, '--user', 'anna')}`,
  )
}

async function readPassword(user: string): Promise<string> {
  const password = process.stdin.isTTY
    ? await ask(`Password of ${user} (not shown): `, { hidden: true })
    : await readInput()
  if (password) return password
  throw new UsageError(`no password for ${user} was given; nothing is set`)
}

function listed(text: string): string[] {
  return text.split(',').flatMap(part => part.trim() || [])
}

/** An empty list would let everybody in, as a variable of a script does that is not set. */
function networks(text: string): string[] {
  const list = listed(text)
  if (list.length > 0) return list
  throw new InvalidArgumentError(
    'Accepted: addresses and networks with commas between; `access unset` takes the rule back.',
  )
}

function whole(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Accepted: a whole number.')
}
