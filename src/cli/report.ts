import { CommanderError } from 'commander'
import { messageOf, Problem } from '../problem.ts'
import { HostProblem, logLines } from './host-problem.ts'
import { printable, printJson, remark, sentence, style } from './terminal.ts'
import { Interrupted, UsageError } from './usage-error.ts'

/**
 * Says why a command did not do its work, and returns the exit code: 1 failed, 2 wrong usage, 130 and 143
 * interrupted, 0 for help. On stderr one sentence, and for a failed build or start its last lines of log before
 * it; with `json` on stdout `{"error": {"code", "detail", …}}`, the API's own members among them. The stack only
 * where `DORMICE_DEBUG` is set.
 */
export function report(error: unknown, { json }: { json: boolean }): number {
  // Commander has printed its own.
  if (error instanceof CommanderError) return isHelp(error) ? 0 : 2
  if (json) printJson({ error: toDocument(error) })
  else printText(error)
  if (process.env['DORMICE_DEBUG']) console.error(error)
  if (error instanceof Interrupted) return error.exitCode
  return error instanceof UsageError ? 2 : 1
}

function isHelp({ code, exitCode }: CommanderError): boolean {
  return exitCode === 0 || code === 'commander.helpDisplayed' || code === 'commander.version'
}

function printText(error: unknown): void {
  const shown = error instanceof HostProblem && error.logShown
  const lines = error instanceof Problem && !shown ? logLines(error.data['log']) : []
  for (const line of lines) remark(style('dim', `  ${printable(line)}`, process.stderr))
  const mark = error instanceof Interrupted ? '' : `${style('red', 'error:', process.stderr)} `
  remark(mark + sentence(messageOf(error)))
  if (error instanceof HostProblem && error.hint) remark(error.hint)
}

function toDocument(error: unknown): Record<string, unknown> {
  if (error instanceof Problem) {
    return { ...error.data, code: error.code, status: error.status, detail: error.message }
  }
  const code =
    error instanceof UsageError ? 'wrong_usage' : error instanceof Interrupted ? 'interrupted' : 'failed'
  return { code, detail: messageOf(error) }
}
