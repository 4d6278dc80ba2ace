import { Option } from 'commander'

/** The `--json` of every command that returns data. */
export function jsonOption(what: string): Option {
  return new Option('--json', `print ${what} as JSON`)
}

export type Json = { json?: boolean }

/** What becomes of awake apps when the host stops. */
export type StopOptions = { leaveRunning: boolean }

/** The option of commands that run a host; see {@link StopOptions}. */
export function leaveRunningOption(): Option {
  return new Option(
    '--leave-running',
    'when the host stops, leave awake apps running; the next start goes on with them',
  ).default(false)
}
