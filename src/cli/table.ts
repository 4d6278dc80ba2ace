import { stripVTControlCharacters } from 'node:util'

/** Lines of a table: columns as wide as their widest cell, two spaces apart; nothing after the last one. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = []
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, width(cell))
  }
  return rows.map(row =>
    row.map((cell, column) => (column === row.length - 1 ? cell : pad(cell, widths[column] ?? 0))).join('  '),
  )
}

function pad(cell: string, to: number): string {
  return cell + ' '.repeat(to - width(cell))
}

function width(cell: string): number {
  return stripVTControlCharacters(cell).length
}
