import { invocation } from './invocation.ts'
import { table } from './table.ts'

/** Help text with examples; each is what follows the program's name, and what it does. */
export function examples(...lines: [command: string, what: string][]): string {
  const rows = lines.map(([command, what]) => [`  ${invocation(command)}`, what])
  return `\nExamples:\n${table(rows).join('\n')}`
}
