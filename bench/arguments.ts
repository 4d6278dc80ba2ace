import { parseArgs } from 'node:util'
import { messageOf } from '../src/problem.ts'

export type Request = { bench: string; json: boolean; quick: boolean }

/** Wrong usage: its message says what is accepted. */
export class UsageError extends Error {
  override name = 'UsageError'
}

/**
 * Reads what follows `npm run bench --`; undefined means that help was asked for.
 * @param benches names that there are
 * @throws {UsageError}
 */
export function readArguments(args: readonly string[], benches: readonly string[]): Request | undefined {
  const { values, positionals } = parse(args)
  if (values.help) return undefined
  const [bench, ...more] = positionals
  const accepted = `accepted: ${benches.join(', ')}`
  if (bench === undefined) throw new UsageError(`which benchmark? ${accepted}`)
  if (!benches.includes(bench)) throw new UsageError(`there is no benchmark "${bench}"; ${accepted}`)
  if (more.length > 0) throw new UsageError(`one benchmark at a time, and "${more[0]}" is a second one`)
  return { bench, json: values.json, quick: values.quick }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        json: { type: 'boolean', default: false },
        quick: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
  } catch (error) {
    // Its first sentence is what is wrong; the rest is about arguments that begin with a dash.
    throw new UsageError(messageOf(error).split('. ')[0])
  }
}
