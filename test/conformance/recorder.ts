import { once } from 'node:events'
import type { AddressInfo, Server, Socket } from 'node:net'
import { createServer } from 'node:net'
import type { Upstream } from '../../src/apps/lease.ts'
import { Wire } from '../../src/edge/fixture.ts'
import type { Case, Step } from './case.ts'
import { AFTER_ANSWER, OK } from './case.ts'
import { play } from './play.ts'
import { readRequests } from './requests.ts'

/** The first line of the request that follows a case, which is answered whatever the case's script is. */
const AFTER_LINE = 'GET /after HTTP/1.1'

/** The app of one case: does what its script says and keeps every byte that it gets. */
export class Recorder implements AsyncDisposable {
  readonly #script: NonNullable<Case['app']>
  readonly #wires: Wire[] = []
  readonly #server: Server

  constructor(script: Case['app'] = OK) {
    this.#script = script
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, socket => this.#accept(socket))
  }

  async listen(): Promise<Upstream> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return { host: '127.0.0.1', port: (this.#server.address() as AddressInfo).port }
  }

  /** What came in on each connection, without the requests that followed the case. */
  records(): string[] {
    return this.#wires.map(({ received }) => received.split(AFTER_LINE)[0] ?? '').filter(text => text !== '')
  }

  /** Resolves once all connections are closed by the other side; accepts no more. */
  async over(): Promise<void> {
    this.#server.close()
    await Promise.all(this.#wires.map(wire => wire.end()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { socket } of this.#wires) socket.destroy()
    if (!this.#server.listening) return
    this.#server.close()
    await once(this.#server, 'close')
  }

  #accept(socket: Socket): void {
    const wire = new Wire(socket)
    const isFirst = this.#wires.push(wire) === 1
    if (typeof this.#script === 'string') this.#answerAll(wire, this.#script)
    else this.#perform(wire, this.#script, isFirst)
  }

  #answerAll(wire: Wire, answer: string): void {
    let answered = 0
    wire.socket.on('data', () => {
      const { requests } = readRequests(wire.received)
      for (; answered < requests.length; answered++) {
        wire.write(requests[answered]?.line === AFTER_LINE ? AFTER_ANSWER : answer)
      }
    })
  }

  #perform(wire: Wire, script: readonly Step[], isFirst: boolean): void {
    const begin = () => void play(wire, script)
    // A script that does not wait for a request is not for the one that follows the case.
    if (typeof script[0] === 'object' && 'until' in script[0]) {
      wire.socket.once('data', () => {
        if (!wire.received.startsWith(AFTER_LINE)) begin()
      })
    } else if (isFirst) begin()
    let answered = 0
    wire.socket.on('data', () => {
      const asked = wire.received.split(`${AFTER_LINE}\r\n`).length - 1
      for (; answered < asked; answered++) wire.write(AFTER_ANSWER)
    })
  }
}
