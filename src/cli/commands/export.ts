import { Command } from 'commander'
import type { EnvKeyShape } from '../../api/shapes.ts'
import { appPath, Client } from '../client.ts'
import { examples } from '../examples.ts'
import { interruptible } from '../interrupt.ts'
import { invocation, quoted } from '../invocation.ts'
import { Progress } from '../progress.ts'
import { remark } from '../terminal.ts'
import { formatBytes } from '../units.ts'
import { UsageError } from '../usage-error.ts'
import { writeFile, writeOutput } from '../write.ts'

export function exportCommand(): Command {
  return new Command('export')
    .description(
      'Write an app as one tar, for `import` here or on another machine: its release, the files that it has now and its settings. The values of its environment stay here. A running app goes on.',
    )
    .argument('<app>', 'the app’s name')
    .option('-o, --output <file>', 'write to this file; without it, to standard output')
    .addHelpText(
      'after',
      examples(
        ['export notes > notes.tar', 'into a file'],
        ['export notes -o notes.tar', 'the same; the file is there only when it is complete'],
        ['export notes | ssh elsewhere dormice import - --name notes', 'move it to another machine'],
      ),
    )
    .action(run)
}

async function run(app: string, { output }: { output?: string }): Promise<void> {
  if (output === undefined && process.stdout.isTTY) {
    const file = quoted(`${app}.tar`)
    throw new UsageError(
      `an export is nothing for a terminal; say where it goes: \`${invocation('export', quoted(app), '-o', file)}\``,
    )
  }
  const bytes = await interruptible(async signal => {
    using progress = new Progress()
    progress.begin('export', app)
    let bytes = 0
    const onBytes = (more: number) => {
      bytes += more
      progress.update(formatBytes(bytes))
    }
    try {
      const download = async () =>
        counted(await new Client().download(appPath(app, 'export'), { signal }), onBytes)
      await (output === undefined ? writeOutput(await download()) : writeFile(output, download))
    } catch (error) {
      progress.fail()
      throw error
    }
    progress.done()
    return bytes
  })
  await tellEnvironment(app)
  if (output === undefined) return
  remark(`${output} has all of ${app}, ${formatBytes(bytes)}`)
  remark(`Make an app of it: ${invocation('import', quoted(output), '--name', `${app}-2`)}`)
}

/** What has to be set again where the export goes; no reason to fail where it cannot be had. */
async function tellEnvironment(app: string): Promise<void> {
  const path = appPath(app, 'env')
  const { env } = await new Client().get<{ env: EnvKeyShape[] }>(path).catch(() => ({ env: [] }))
  if (env.length === 0) return
  const pairs = env.map(({ key }) => `${key}=…`)
  remark(
    `Without the values of its environment; after the import: ${invocation('env', 'set', '<app>', ...pairs)}`,
  )
}

async function* counted(
  chunks: AsyncIterable<Buffer>,
  onBytes: (more: number) => void,
): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    onBytes(chunk.length)
    yield chunk
  }
}
