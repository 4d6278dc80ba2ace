import { Problem } from '../problem.ts'

/** A problem that the host answered with, read from its document. */
export class HostProblem extends Problem {
  /** The lines of `data.log` stand on the terminal already. */
  readonly logShown: boolean
  /** What to type next, a line of its own. */
  hint: string | undefined

  /** @param shown the line of log that was printed last */
  constructor(document: Readonly<Record<string, unknown>>, shown?: string) {
    const { type: _, title, status, detail, code, ...data } = document
    super({ code: String(code), status: Number(status), detail: String(detail ?? title), data })
    this.logShown = shown !== undefined && logLines(data['log']).at(-1) === shown
  }
}

/** The lines of a problem's `log` member, a text or a list; none when it has no such member. */
export function logLines(log: unknown): string[] {
  const lines = typeof log === 'string' ? log.split('\n') : Array.isArray(log) ? log.map(String) : []
  while (lines.at(-1)?.trim() === '') lines.pop()
  return lines
}
