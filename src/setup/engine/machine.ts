import { execFile } from 'node:child_process'
import { accessSync, constants, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** The machine that an engine is looked for on; tests put a folder with fake commands in its place. */
export type Machine = {
  env: Readonly<Record<string, string | undefined>>
  /** Numeric id of the user; 0 is root. */
  uid: number
  /** Folder that stands for `/`. */
  root: string
}

export function thisMachine(): Machine {
  return { env: process.env, uid: process.getuid?.() ?? 0, root: '/' }
}

/** A path on the machine, given absolute. */
export function at(machine: Machine, path: string): string {
  return join(machine.root, path)
}

/** Text of a file on the machine; undefined when it is not there or not readable. */
export function textAt(machine: Machine, path: string): string | undefined {
  try {
    return readFileSync(at(machine, path), 'utf8')
  } catch {
    return undefined
  }
}

/** Full path of a command; looks in the system folders too, which a plain user's PATH may lack. */
export function findCommand(machine: Machine, name: string): string | undefined {
  const system = ['/usr/local/sbin', '/usr/sbin', '/sbin'].map(folder => at(machine, folder))
  for (const folder of [...(machine.env['PATH'] ?? '').split(delimiter), ...system]) {
    if (!folder) continue
    const path = join(folder, name)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // Not in this folder.
    }
  }
  return undefined
}

export type Outcome = {
  ok: boolean
  /** The last line that the command printed, for a report; empty when it printed none. */
  lastLine: string
}

/** Runs a command to its end, at most `timeout` ms; never throws. */
export function run(
  machine: Machine,
  command: readonly string[],
  { timeout, env = {} }: { timeout: number; env?: Record<string, string> },
): Promise<Outcome> {
  const [file = '', ...args] = command
  return new Promise(resolve => {
    const options = { timeout, env: { ...machine.env, ...env }, maxBuffer: 64 * 1024 * 1024 }
    const child = execFile(file, args, options, (error, stdout, stderr) => {
      const said = lastLineOf(stderr) || lastLineOf(stdout)
      const lastLine = error?.killed ? `not done after ${timeout / 1000} s` : said || (error?.message ?? '')
      resolve({ ok: !error, lastLine })
    })
    child.stdin?.end()
  })
}

/** The last line of a text that is not blank. */
export function lastLineOf(text: string): string {
  return text.trimEnd().split('\n').at(-1)?.trim() ?? ''
}
