import { Option } from 'commander'

/** The `--json` of every command that returns data. */
export function jsonOption(what: string): Option {
  return new Option('--json', `print ${what} as JSON`)
}

export type Json = { json?: boolean }
