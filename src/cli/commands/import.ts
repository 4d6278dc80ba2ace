import { createReadStream, statSync } from 'node:fs'
import { basename } from 'node:path'
import type { Readable } from 'node:stream'
import { Command } from 'commander'
import type { AppShape } from '../../api/shapes.ts'
import { checkName, suggestName } from '../app-name.ts'
import { appPath, Client } from '../client.ts'
import { examples } from '../examples.ts'
import { HostProblem } from '../host-problem.ts'
import { interruptible } from '../interrupt.ts'
import { invocation, quoted, userPath } from '../invocation.ts'
import { type Json, jsonOption } from '../options.ts'
import { Progress } from '../progress.ts'
import { print, printJson, remark } from '../terminal.ts'
import { formatBytes } from '../units.ts'
import { Interrupted, UsageError } from '../usage-error.ts'

type Options = Json & { name?: string }

export function importCommand(): Command {
  return new Command('import')
    .description(
      'Make an app of what `export` wrote: its release, its files and its settings; the values of its environment and the passwords of its users are set anew, with `env set` and `access set`. It gets a new name: that of the file (notes.tar makes “notes”), or the one you say.',
    )
    .argument('<file>', 'what `export` wrote; “-” is standard input')
    .option('-n, --name <app>', 'the new app’s name; without it, that of the file')
    .addOption(jsonOption('the new app'))
    .addHelpText(
      'after',
      examples(
        ['import notes.tar', 'http://notes.localhost:8080'],
        ['import notes.tar --name notes-2', 'beside an app that has that name'],
        ['import - --name notes < notes.tar', 'from standard input'],
      ),
    )
    .action(run)
}

async function run(file: string, { name, json }: Options): Promise<void> {
  const { open, size } = readSource(file)
  const app = name === undefined ? nameOf(file) : checkName(name)
  const made = await interruptible(async signal => {
    using progress = new Progress()
    progress.begin('import', app)
    const total = size === undefined ? '' : ` of ${formatBytes(size)}`
    const onSent = (bytes: number) => {
      progress.update(bytes === size ? formatBytes(bytes) : `${formatBytes(bytes)}${total}`)
    }
    const upload = { source: open(), type: 'application/x-tar', onSent }
    try {
      const made = await new Client().call<AppShape>(appPath(app, 'import'), {
        method: 'POST',
        upload,
        signal,
      })
      progress.done()
      return made
    } catch (error) {
      progress.fail()
      if (error instanceof HostProblem && error.code === 'app_exists') {
        error.hint = `To make another app of it: ${invocation('import', quoted(file), '--name', `${app}-2`)}`
      }
      if (error instanceof Interrupted)
        throw new Interrupted(error.signal, 'interrupted; nothing is imported')
      throw error
    }
  })
  if (json) return printJson(made)
  print(made.url)
  remark(
    `${made.name} sleeps until its first request; ${invocation('timeline', made.name)} shows what it has`,
  )
}

/** @throws {UsageError} when there is nothing to read there */
function readSource(file: string): { open: () => Readable; size: number | undefined } {
  if (file === '-') {
    if (!process.stdin.isTTY) return { open: () => process.stdin, size: undefined }
    throw new UsageError('“-” reads an export from standard input, which is a terminal; say a file')
  }
  const path = userPath(file)
  const found = statSync(path, { throwIfNoEntry: false })
  if (!found) throw new UsageError(`there is no "${file}" to import; accepted: a file that \`export\` wrote`)
  if (found.isDirectory()) throw new UsageError(`"${file}" is a folder; \`deploy\` puts a folder online`)
  return { open: () => createReadStream(path), size: found.isFile() ? found.size : undefined }
}

function nameOf(file: string): string {
  if (file !== '-') return suggestName(basename(file).replace(/\.tar$/i, ''))
  throw new UsageError('an import from standard input needs a name for the app: --name <app>')
}
