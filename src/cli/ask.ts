import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { Interrupted } from './usage-error.ts'

/**
 * Asks on stderr and gives the line that is typed; undefined when there is none. With `hidden` it is not shown.
 * @throws {Interrupted} at Ctrl-C
 */
export async function ask(question: string, { hidden = false } = {}): Promise<string | undefined> {
  process.stderr.write(question)
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({
    input: process.stdin,
    output: hidden ? nowhere : process.stderr,
    terminal: true,
  })
  const ended = new Promise<undefined>((resolve, reject) => {
    lines.once('SIGINT', () => {
      if (!hidden) process.stderr.write('\n')
      reject(new Interrupted('SIGINT'))
    })
    lines.once('close', () => resolve(undefined))
  })
  try {
    return await Promise.race([lines.question(hidden ? '' : question), ended])
  } finally {
    lines.close()
    if (hidden) process.stderr.write('\n')
  }
}

/** All of standard input, without the line end that `echo` and editors add. */
export async function readInput(): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(chunk)
  return Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '')
}
