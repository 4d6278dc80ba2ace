import { Command } from 'commander'
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
      'Write an app as one tar: its release, the files that it has now, its settings and its environment; for `import`, here or on another machine. It holds the app’s secrets. A running app goes on.',
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
      const tar = counted(await new Client().download(appPath(app, 'export'), { signal }), onBytes)
      await (output === undefined ? writeOutput(tar) : writeFile(output, tar))
    } catch (error) {
      progress.fail()
      throw error
    }
    progress.done()
    return bytes
  })
  if (output === undefined) return
  remark(`${output} has all of ${app}, ${formatBytes(bytes)}`)
  remark(`Make an app of it: ${invocation('import', quoted(output), '--name', `${app}-2`)}`)
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
