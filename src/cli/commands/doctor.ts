import { Command } from 'commander'
import { type Check, runChecks } from '../checks.ts'
import { examples } from '../examples.ts'
import { type Json, jsonOption } from '../options.ts'
import { print, printJson, remark, style } from '../terminal.ts'

export function doctorCommand(): Command {
  return new Command('doctor')
    .description(
      'Check what Dormice needs: Node, the container engine, the host, the token, certificates, the data folder, disk space. Works with the host down too.',
    )
    .addOption(jsonOption('{"ok", "checks": […]}'))
    .addHelpText(
      'after',
      examples(['doctor', '✓ fine, ✗ to be mended, – not looked at; exit code 1 with any ✗']),
    )
    .action(doctor)
}

const MARKS = { ok: ['green', '✓'], failed: ['red', '✗'], skipped: ['dim', '–'] } as const

async function doctor({ json }: Json): Promise<void> {
  const checks = await runChecks()
  const failed = checks.filter(({ result }) => result === 'failed').length
  if (failed > 0) process.exitCode = 1
  if (json) return printJson({ ok: failed === 0, checks })
  for (const check of checks) print(format(check))
  if (failed > 0) remark(`\n${failed} of ${checks.length} to be mended, the first one first.`)
}

function format({ name, result, detail }: Check): string {
  const [colour, mark] = MARKS[result]
  return `${style(colour, mark, process.stdout)} ${name.padEnd(8)}  ${detail}`
}
