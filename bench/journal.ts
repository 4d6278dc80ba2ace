import type { TestHost } from '../test/support/host.ts'
import { firstAnswer, type Target } from './first-answer.ts'

/** Bytes of a record without its line end, which ties its length to nothing but its number's. */
const recordBytes = 255
/** The small file is rewritten with the newest record this many times over: 4 kB. */
const copies = 16

/** A function that keeps what it is sent: appends it to one file and rewrites another one; a GET changes nothing. */
const source = `
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
mkdirSync('state', { recursive: true })
export default {
  async fetch(request) {
    const { pathname } = new URL(request.url)
    if (request.method === 'GET') return new Response(pathname === '/' ? 'here' : readFileSync('state' + pathname))
    const record = await request.text()
    appendFileSync('state/journal', record + '\\n')
    writeFileSync('state/newest', record.repeat(${copies}))
    return new Response('kept')
  },
}
`

/** An app that writes with every request, and what it has acknowledged so far. */
export class Journal {
  readonly app: string
  readonly #host: TestHost
  #written = 0

  private constructor(host: TestHost, app: string) {
    this.#host = host
    this.app = app
  }

  static async deploy(host: TestHost, app: string): Promise<Journal> {
    await host.deployText(app, 'main.js', source)
    return new Journal(host, app)
  }

  get target(): Target {
    return { host: '127.0.0.1', port: this.#host.port, hostHeader: `${this.app}.localhost` }
  }

  /** Bytes of the files that the app wrote, as they are now. */
  get live(): number {
    return filesAfter(this.#written).reduce((bytes, text) => bytes + text.length, 0)
  }

  /** Has the next record written, by the app where it is or by a copy of it at another target. */
  async write(copy?: Target): Promise<void> {
    const number = this.#written + 1
    const { status } = await firstAnswer({ ...(copy ?? this.target), body: recordOf(number) })
    if (status !== 200) throw new Error(`record ${number} of ${this.app} was answered with ${status}`)
    if (!copy) this.#written = number
  }

  /** @throws when anything that was acknowledged is not there, byte for byte */
  async check(): Promise<void> {
    const read = async (path: string) => (await this.#host.visit(this.app, path)).body
    const lost = difference(await read('/journal'), await read('/newest'), this.#written)
    if (lost !== undefined) throw new Error(`${this.app} lost a write: ${lost}`)
  }
}

/** The nth record. */
export function recordOf(number: number): string {
  return `${number} `.padEnd(recordBytes, `${number % 10}`)
}

/** What is wrong with an app's two files after so many records; undefined when they are as they should be. */
export function difference(journal: string, newest: string, written: number): string | undefined {
  const [right, rightNewest] = filesAfter(written)
  if (journal !== right) {
    const lines = journal.split('\n')
    const first = lines.findIndex((line, index) => line !== recordOf(index + 1))
    return `${lines.length - 1} of ${written} records, the first wrong line is ${first + 1}`
  }
  if (newest !== rightNewest)
    return `the small file is of record ${Number.parseInt(newest, 10)}, not ${written}`
  return undefined
}

function filesAfter(written: number): [journal: string, newest: string] {
  const journal = Array.from({ length: written }, (_, index) => `${recordOf(index + 1)}\n`).join('')
  return [journal, written === 0 ? '' : recordOf(written).repeat(copies)]
}
