import type { Result } from './run-case.ts'

/** Whether nothing at all is wrong with it. */
export function passed({ lost, leaked, stuck, reached }: Result): boolean {
  return reached && lost.length + leaked.length + stuck.length === 0
}

/** Lines of the table: one a case, with what is wrong below it. */
export function renderTable(results: readonly Result[]): string[] {
  const heads = ['step', 'scenario', 'end state', 'lost', 'leaked', 'ms']
  const rows = results.map(result => [
    result.again ? `${result.step} + ${result.again}` : result.step,
    result.scenario,
    result.reached ? result.end || 'stuck' : 'never reached',
    String(result.lost.length),
    String(result.leaked.length),
    result.ms.toFixed(0),
  ])
  const widths = heads.map((head, column) =>
    Math.max(head.length, ...rows.map(row => row[column]?.length ?? 0)),
  )
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        column < 3 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
  return [
    line(heads),
    line(widths.map(width => '-'.repeat(width))),
    ...rows.flatMap((row, n) => {
      const { lost = [], leaked = [], stuck = [], log = [] } = results[n] ?? {}
      const wrong = [
        ...lost.map(text => `lost: ${text}`),
        ...leaked.map(text => `leaked: ${text}`),
        ...stuck.map(text => `stuck: ${text}`),
        ...log.map(text => `log: ${text}`),
      ]
      return [line(row), ...wrong.map(text => `    ${text}`)]
    }),
  ]
}

/** One line about all of it. */
export function summarise(results: readonly Result[]): string {
  const sum = (of: (result: Result) => number) => results.reduce((all, result) => all + of(result), 0)
  const steps = new Set(results.filter(result => result.reached).map(result => result.step)).size
  return [
    `${results.length} cases at ${steps} steps`,
    `${sum(one => one.lost.length)} lost`,
    `${sum(one => one.leaked.length)} leaked`,
    `${sum(one => one.stuck.length)} stuck`,
    `${results.filter(one => !one.reached).length} never reached`,
  ].join(', ')
}
