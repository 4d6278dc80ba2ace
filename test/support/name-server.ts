import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { Resolver } from 'node:dns/promises'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'

/** The records of one name. A name without any exists all the same. */
export type Records = { A?: string[]; AAAA?: string[]; CNAME?: string; TXT?: string[]; SOA?: true }

/** How a name is answered that has no records to tell: not at all, or with a failure. */
export type Failing = 'silent' | 'failing'

const types = { A: 1, CNAME: 5, SOA: 6, TXT: 16, AAAA: 28 } as const
const noSuchName = 3
const serverFailure = 2

/** A DNS server on a free port of 127.0.0.1, of a zone that tests change. */
export class NameServer implements AsyncDisposable {
  /** What there is, by name. */
  readonly zone = new Map<string, Records | Failing>()
  readonly #socket: Socket = createSocket('udp4')

  static async start(zone: Record<string, Records | Failing> = {}): Promise<NameServer> {
    const server = new NameServer()
    for (const [name, records] of Object.entries(zone)) server.zone.set(name, records)
    server.#socket.on('message', (message, from) => server.#answer(message, from))
    server.#socket.bind(0, '127.0.0.1')
    await once(server.#socket, 'listening')
    return server
  }

  /** As `DORMICE_DNS` takes it. */
  get address(): string {
    return `127.0.0.1:${this.#socket.address().port}`
  }

  /** One that asks this server, and gives up soon. */
  resolver(): Resolver {
    const resolver = new Resolver({ timeout: 200, tries: 1 })
    resolver.setServers([this.address])
    return resolver
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close()
    await once(this.#socket, 'close')
  }

  #answer(message: Buffer, from: RemoteInfo): void {
    const { name, end } = readName(message)
    const type = message.readUInt16BE(end)
    const question = message.subarray(12, end + 4)
    const found = this.zone.get(name.toLowerCase())
    if (found === 'silent') return
    const answers = typeof found === 'object' ? this.#records(name.toLowerCase(), type) : []
    const code = found === undefined ? noSuchName : found === 'failing' ? serverFailure : 0
    const head = Buffer.alloc(12)
    message.copy(head, 0, 0, 2)
    head.writeUInt16BE(0x8180 | code, 2)
    head.writeUInt16BE(1, 4)
    head.writeUInt16BE(answers.length, 6)
    this.#socket.send(Buffer.concat([head, question, ...answers]), from.port, from.address)
  }

  /** The records asked for, those of what a name is an alias of behind it. */
  #records(name: string, type: number, links = 8): Buffer[] {
    const found = this.zone.get(name)
    if (typeof found !== 'object' || links === 0) return []
    if (found.CNAME !== undefined && type !== types.TXT) {
      const alias = record(name, types.CNAME, writeName(found.CNAME))
      return type === types.CNAME ? [alias] : [alias, ...this.#records(found.CNAME, type, links - 1)]
    }
    if (type === types.A)
      return (found.A ?? []).map(one => record(name, type, Buffer.from(one.split('.').map(Number))))
    if (type === types.AAAA) return (found.AAAA ?? []).map(one => record(name, type, writeIPv6(one)))
    if (type === types.TXT) return (found.TXT ?? []).map(one => record(name, type, writeText(one)))
    if (type === types.SOA && found.SOA) {
      return [
        record(name, type, Buffer.concat([writeName('ns.test'), writeName('root.test'), Buffer.alloc(20)])),
      ]
    }
    return []
  }
}

function record(name: string, type: number, data: Buffer): Buffer {
  const fields = Buffer.alloc(10)
  fields.writeUInt16BE(type, 0)
  fields.writeUInt16BE(1, 2)
  // Long enough that a resolver which keeps answers would be noticed.
  fields.writeUInt32BE(60, 4)
  fields.writeUInt16BE(data.length, 8)
  return Buffer.concat([writeName(name), fields, data])
}

function readName(message: Buffer): { name: string; end: number } {
  const labels: string[] = []
  let at = 12
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.'), end: at + 1 }
}

function writeName(name: string): Buffer {
  const labels = name
    .split('.')
    .map(label => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]))
  return Buffer.concat([...labels, Buffer.from([0])])
}

/** In strings of at most 255 bytes. */
function writeText(text: string): Buffer {
  const parts = text.match(/.{1,255}/gs) ?? ['']
  return Buffer.concat(parts.flatMap(part => [Buffer.from([part.length]), Buffer.from(part, 'latin1')]))
}

function writeIPv6(text: string): Buffer {
  if (!isIPv6(text)) throw new Error(`${text} is no IPv6 address`)
  const [head = '', tail = ''] = text.split('::')
  const groups = (part: string) =>
    part === '' ? [] : part.split(':').map(group => Number.parseInt(group, 16))
  const [first, last] = [groups(head), groups(tail)]
  const all = [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last]
  return Buffer.from(all.flatMap(group => [group >> 8, group & 255]))
}
