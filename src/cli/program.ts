import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { packageRoot } from '../paths.ts'
import { catalogue } from './catalogue.ts'
import { invocation } from './invocation.ts'
import { style } from './terminal.ts'

const DESCRIPTION =
  'Dormice hosts many small web apps on one small server. An app that nobody uses sleeps and costs no memory; ' +
  'the first request wakes it.'

/**
 * The program for these arguments (without `node` and the script). Only the command that they choose is loaded;
 * the others are there by name, for the overview and for "did you mean".
 */
export async function createProgram(args: readonly string[]): Promise<Command> {
  const program = new Command('dormice')
    .description(DESCRIPTION)
    .usage('<command> [options]')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .addHelpText('after', footer())
  if (args[0] === '--version' || args[0] === '-V') program.version(readVersion())
  else program.option('-V, --version', 'print the version')

  const chosen = args[0] === 'help' ? args[1] : args[0]
  for (const { name, group, summary, load } of catalogue) {
    const command = name === chosen ? (await load())() : new Command(name)
    program.addCommand(command.summary(summary).helpGroup(group))
  }
  configure(program)
  return program
}

/** Makes commander throw instead of ending the process, in the program and all commands under it. */
function configure(command: Command): void {
  command
    .exitOverride()
    .helpOption('-h, --help', 'show help')
    .showHelpAfterError(`\`${invocation()} ${path(command)}--help\` shows how to use it.`)
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error:/, style('red', 'error:', process.stderr))),
    })
    .configureHelp({
      showGlobalOptions: false,
      subcommandTerm: sub => `${sub.name()}${sub.usage() === '[options]' ? '' : ` ${sub.usage()}`}`,
      styleTitle: text => style('bold', text, process.stdout),
    })
  for (const sub of command.commands) configure(sub)
}

function path(command: Command): string {
  return command.parent ? `${path(command.parent)}${command.name()} ` : ''
}

function footer(): string {
  return `
First steps:
  ${invocation('deploy', './my-app')}      put the folder online as http://my-app.localhost:8080
  ${invocation('ls')}                   see it
  ${invocation('deploy', '--help')}        more about one command, with examples

Exit codes: 0 done, 1 failed, 2 wrong usage.
DORMICE_URL and DORMICE_TOKEN say which host to talk to; without them it is the one on this machine.`
}

/** This package's version. */
export function readVersion(): string {
  return JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')).version
}
