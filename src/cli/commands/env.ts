import { Command } from 'commander'
import type { EnvKeyShape } from '../../api/shapes.ts'
import { ask, readInput } from '../ask.ts'
import { appPath, Client } from '../client.ts'
import { examples } from '../examples.ts'
import { invocation } from '../invocation.ts'
import { type Json, jsonOption } from '../options.ts'
import { table } from '../table.ts'
import { print, printJson, remark, style } from '../terminal.ts'
import { formatAgo } from '../units.ts'
import { UsageError } from '../usage-error.ts'

export function envCommand(): Command {
  const env = new Command('env')
    .description(
      'An app’s environment variables. Values go in and never come out again: only the app sees them.',
    )
    .usage('<set|unset|ls> <app> …')
    .helpCommand(false)
    .addHelpText('after', examples(...SETTING, ...UNSETTING, ...LISTING))
  env
    .command('set')
    .summary('set variables')
    .description('Set variables, all or none. They apply from the app’s next wake.')
    .argument('<app>', 'the app’s name')
    .argument('<key=value...>', 'variables; the value “-” is read from standard input')
    .addHelpText('after', examples(...SETTING))
    .action(set)
  env
    .command('unset')
    .summary('remove variables')
    .description('Remove variables. That applies from the app’s next wake.')
    .argument('<app>', 'the app’s name')
    .argument('<key...>', 'names of variables')
    .addHelpText('after', examples(...UNSETTING))
    .action(unset)
  env
    .command('ls')
    .summary('list the names of the variables')
    .description('List the names of the variables; values are write-only.')
    .argument('<app>', 'the app’s name')
    .addOption(jsonOption('{"env": […]}'))
    .addHelpText('after', examples(...LISTING))
    .action(list)
  return env
}

const SETTING: [string, string][] = [
  ['env set notes GREETING=hello COLOUR=blue', 'set two'],
  ['env set notes API_KEY=- < key.txt', 'a secret, kept out of the shell’s history'],
]
const UNSETTING: [string, string][] = [['env unset notes GREETING', 'remove one']]
const LISTING: [string, string][] = [['env ls notes', 'which there are']]

async function set(app: string, pairs: string[]): Promise<void> {
  const variables = pairs.map(parsePair)
  const fromInput = variables.filter(({ value }) => value === '-')
  const [secret] = fromInput
  if (fromInput.length > 1) throw new UsageError('only one value can be “-”: standard input is one value')
  if (secret) secret.value = await readSecret(secret.key)
  const json = Object.fromEntries(variables.map(({ key, value }) => [key, value]))
  await new Client().call(appPath(app, 'env'), { method: 'PATCH', json })
  for (const key of Object.keys(json)) print(`${key} is set`)
  tellWhen(app)
}

async function unset(app: string, keys: string[]): Promise<void> {
  for (const key of keys) checkKey(key)
  const client = new Client()
  for (const key of keys) {
    await client.call(appPath(app, 'env', key), { method: 'DELETE' })
    print(`${key} is removed`)
  }
  tellWhen(app)
}

async function list(app: string, { json }: Json): Promise<void> {
  const answer = await new Client().get<{ env: EnvKeyShape[] }>(appPath(app, 'env'))
  if (json) return printJson(answer)
  if (answer.env.length === 0) {
    remark(`${app} has no variables yet. Set one: ${invocation('env', 'set', app, 'GREETING=hello')}`)
    return
  }
  const rows = answer.env.map(({ key, updatedAt }) => [key, formatAgo(Date.parse(updatedAt), Date.now())])
  const [heading = '', ...lines] = table([['KEY', 'SET'], ...rows])
  print(style('bold', heading, process.stdout))
  for (const line of lines) print(line)
}

function tellWhen(app: string): void {
  remark(`This applies from the next wake of ${app}; \`${invocation('restart', app)}\` applies it now.`)
}

function parsePair(pair: string): { key: string; value: string } {
  const at = pair.indexOf('=')
  // Not named in the error: it may be a secret whose key was forgotten.
  if (at < 1)
    throw new UsageError('a variable is written KEY=value, and one of these has no “=” after its key')
  const key = pair.slice(0, at)
  checkKey(key)
  return { key, value: pair.slice(at + 1) }
}

function checkKey(key: string): void {
  if (/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(key)) return
  throw new UsageError(
    `"${key}" cannot name a variable; accepted: letters, digits and “_”, not starting with a digit`,
  )
}

async function readSecret(key: string): Promise<string> {
  if (!process.stdin.isTTY) return readInput()
  const value = await ask(`Value of ${key} (not shown): `, { hidden: true })
  if (value === undefined) throw new UsageError(`no value for ${key} was typed; nothing is set`)
  return value
}
