/** What the shell takes literally, `=` and `$` included: expansion does not change which program is started. */
const PLAIN = /^[\w@%+=:,./~${}*?"' -]+$/
const ASSIGNMENTS = /^(?:[A-Za-z_]\w*=\S*\s+)+/

/**
 * The argument vector that runs a command line as its author wrote it, in a shell, and makes the app itself the
 * process that gets signals: `exec` replaces the shell, in front of the last command of a chain with `&&` or `;`.
 * A line that the shell must stay for (pipes, groups, background jobs) is left as it is.
 */
export function commandLine(line: string): readonly string[] {
  const command = line.trim()
  const quoted = /["']/.test(command)
  const parts = quoted ? [command] : command.split(/(&&|;)/)
  const last = (parts.pop() ?? '').trim()
  if (!PLAIN.test(last) || !parts.every((part, index) => index % 2 === 1 || PLAIN.test(part.trim())))
    return ['sh', '-c', command]
  if (/^(?:exec|cd|export|if|for|while|case|until|\{|\.)(?:\s|$)/.test(last)) return ['sh', '-c', command]
  // `exec A=1 program` is no assignment to the shell; `env` takes it.
  const run = ASSIGNMENTS.test(last) ? `exec env ${last}` : `exec ${last}`
  return ['sh', '-c', `${parts.join('')}${parts.length > 0 ? ' ' : ''}${run}`]
}
