/** The candidate that takes the fewest changed letters, if that leaves half of its own. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  const near = candidates
    // Far longer or shorter ones need not be compared: names come from anybody, of any length.
    .filter(candidate => Math.abs(candidate.length - name.length) <= candidate.length / 2)
    .map(candidate => ({ candidate, changes: changesBetween(name, candidate) }))
    .filter(({ candidate, changes }) => changes <= candidate.length / 2)
  return near.sort((a, b) => a.changes - b.changes)[0]?.candidate
}

/** How many letters are to be added, left out or replaced to make the one of the other (Levenshtein). */
function changesBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, n) => n)
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1]
    for (const [j, other] of [...b].entries()) {
      const replaced = (row[j] ?? 0) + (letter === other ? 0 : 1)
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
