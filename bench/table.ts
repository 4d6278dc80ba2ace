import type { Row } from './report.ts'

/** Lines of a table: text to the left, figures to the right, each column as wide as it must be. */
export function renderTable(rows: readonly Row[]): string[] {
  const cells = rows.map(row => [row.case, row.unit, figure(row.p50), figure(row.p95), String(row.n)])
  const heads = ['case', 'unit', 'p50', 'p95', 'n']
  const widths = heads.map((head, column) =>
    Math.max(head.length, ...cells.map(row => row[column]?.length ?? 0)),
  )
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
  return [
    line(heads),
    line(widths.map(width => '-'.repeat(width))),
    ...cells.map((row, index) => {
      const why = rows[index]?.absent
      return why === undefined ? line(row) : `${line(row)}  ${why}`
    }),
  ]
}

/** Three digits are what can be told apart by eye: `0.0123`, `1.23`, `12.3`, `1234`. */
function figure(value: number | null): string {
  if (value === null) return '–'
  if (value === 0 || Math.abs(value) >= 100) return value.toFixed(0)
  return value.toFixed(Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)))))
}
