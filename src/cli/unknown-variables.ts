import { readConfig } from '../config.ts'
import { readTarget } from './target.ts'

const prefix = 'DORMICE_'

type Environment = Readonly<Record<string, string | undefined>>

/** Each variable that is set, looks like one of ours and is none, with the one that may be meant. */
export function unknownVariables(env: Environment): { name: string; meant: string | undefined }[] {
  const known = knownVariables()
  return Object.keys(env)
    .filter(name => name.startsWith(prefix) && env[name] && !known.includes(name))
    .map(name => ({ name, meant: nearest(name, known) }))
}

/** What the host asks for and, for it may be set for both, the CLI. */
function knownVariables(): string[] {
  const asked = new Set(['DORMICE_DEBUG'])
  const env: Environment = new Proxy<Record<string, undefined>>(
    {},
    { get: (_, name) => void asked.add(String(name)) },
  )
  // Where nothing is set, everything is asked for.
  readConfig(env, { data: '/' })
  readTarget(env)
  return [...asked]
}

/** The candidate that takes the fewest changed letters, if that leaves half of its own. */
function nearest(name: string, candidates: readonly string[]): string | undefined {
  const near = candidates
    .map(candidate => ({ candidate, changes: changesBetween(name, candidate) }))
    .filter(({ candidate, changes }) => changes <= (candidate.length - prefix.length) / 2)
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
