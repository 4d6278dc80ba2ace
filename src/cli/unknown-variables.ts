import { readConfig } from '../config.ts'
import { nearest } from '../nearest.ts'
import { readTarget } from './target.ts'

const prefix = 'DORMICE_'

type Environment = Readonly<Record<string, string | undefined>>

/** Each variable that is set, looks like one of ours and is none, with the one that may be meant. */
export function unknownVariables(env: Environment): { name: string; meant: string | undefined }[] {
  const known = knownVariables()
  const endings = known.map(ending)
  return Object.keys(env)
    .filter(name => name.startsWith(prefix) && env[name] && !known.includes(name))
    .map(name => ({ name, meant: withPrefix(nearest(ending(name), endings)) }))
}

/** A name without what all of them begin with, which would make any two alike. */
function ending(name: string): string {
  return name.slice(prefix.length)
}

function withPrefix(ending: string | undefined): string | undefined {
  return ending && prefix + ending
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
