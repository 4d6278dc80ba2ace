import type { IncomingMessage } from 'node:http'
import type { Ignore } from '../../apps/rules.ts'
import { hasBody } from '../body.ts'
import { KNOWN_AGENTS } from './agents.ts'
import { glob, globWithin } from './glob.ts'
import { Kept, type Shelves } from './kept.ts'

/** An app's rules of what to ignore, ready to be asked, and the answers that are kept under them. */
export class Ignoring {
  readonly kept: Kept
  readonly #paths: readonly ((path: string) => boolean)[]
  readonly #agents: readonly ((agent: string) => boolean)[]

  constructor({ paths = [], userAgents = [] }: Ignore, shelves: Shelves) {
    this.kept = new Kept(shelves)
    this.#paths = paths.map(glob)
    this.#agents = userAgents.flatMap(known).map(globWithin)
  }

  /**
   * Whether the request is not to concern the app; one that may change something always does. @param path
   * with query
   */
  ignores(req: IncomingMessage, path: string): boolean {
    const { method, headers } = req
    if ((method !== 'GET' && method !== 'HEAD') || hasBody(req)) return false
    const query = path.indexOf('?')
    const bare = query === -1 ? path : path.slice(0, query)
    if (this.#paths.some(isOf => isOf(bare))) return true
    const agent = headers['user-agent']
    return agent !== undefined && this.#agents.some(isIn => isIn(agent))
  }
}

/** What a word stands for, or the part of a header itself: it may be any, `constructor` too. */
function known(agent: string): readonly string[] {
  const agents = Object.hasOwn(KNOWN_AGENTS, agent) ? KNOWN_AGENTS[agent] : undefined
  return agents ?? [agent]
}
