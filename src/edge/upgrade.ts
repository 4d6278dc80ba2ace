import type { ClientRequest, IncomingMessage } from 'node:http'
import { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { hasBody } from './body.ts'
import type { EdgeContext } from './context.ts'
import { DirectExchange } from './direct.ts'
import type { RawHeaders } from './headers.ts'
import { responseHeaders } from './headers.ts'
import type { Routed } from './router.ts'
import { Standstill } from './standstill.ts'
import { tunnel } from './tunnel.ts'

/**
 * Whether a request that asks for another protocol is to be tunnelled. The rest are ordinary requests whose wish is
 * not granted: ones with a body, and `h2c`, which would carry requests past the edge that it never saw.
 */
export function mayUpgrade(req: IncomingMessage): boolean {
  const protocol = req.headers.upgrade
  return (
    req.method === 'GET' &&
    req.httpVersionMinor === 1 &&
    !!protocol &&
    !/\bh2c\b/i.test(protocol) &&
    !hasBody(req)
  )
}

/**
 * Whether Node, which stops reading behind a request that asks for another protocol, loses what came with it
 * when it is answered as an ordinary one: the connection cannot go on, for the next bytes may be from within
 * a request.
 */
export function losesBytes(req: IncomingMessage): boolean {
  return /(^|,)\s*upgrade\s*(,|$)/i.test(req.headers.connection ?? '')
}

/**
 * A request to change the protocol, as for a WebSocket: sent to the app like any other; once the app agrees, the two
 * connections are joined and the lease is out until both are closed. Any other answer is relayed as it is.
 */
export class UpgradeExchange extends DirectExchange {
  readonly #visitor: Socket
  readonly #head: Buffer
  #instance: Socket | undefined
  #orderly = false
  #sentBefore = 0
  readonly #receivedBefore: number
  readonly #standstill = new Standstill()
  /** Since when its app is being stopped, in the context's ms; 0: it is not. */
  #farewell = 0

  /** @param head what the visitor already sent of the new protocol */
  constructor(context: EdgeContext, req: IncomingMessage, visitor: Socket, head: Buffer, routed: Routed) {
    super(context, req, respondOn(req, visitor), routed)
    this.#visitor = visitor
    this.#head = head
    this.#receivedBefore = visitor.bytesRead - head.length
    visitor.on('end', this.#left)
  }

  /**
   * Ends the tunnel in order: the app is told that no more comes, what it still sends is delivered, and when it
   * ends too, both connections are closed.
   */
  end(): void {
    if (!this.#instance) return
    this.#visitor.unpipe(this.#instance)
    this.#visitor.resume()
    this.#instance.end()
  }

  /** Whether the two connections are joined. */
  get joined(): boolean {
    return this.#instance !== undefined
  }

  /**
   * The instance must go. It is told to stop once the lease is back; what it then says goodbye with still reaches the
   * visitor.
   */
  override revoke(): void {
    if (!this.#instance) {
      super.revoke()
      return
    }
    this.#farewell = this.context.now()
    this.release()
  }

  override expire(now: number): void {
    if (!this.#instance) super.expire(now)
    else if (this.#farewell > 0 && now - this.#farewell > this.context.limits.farewell) {
      this.aborted ??= 'edge'
      this.abandon()
    } else if (this.#standstill.isUnread(this.#visitor, this.context.limits, now)) {
      this.context.notices.warn('edge_visitor_stalled', { app: this.routed.site.app, at: 'tunnel' })
      this.aborted ??= 'visitor'
      this.abandon()
    }
  }

  override settle(): void {
    if (this.#instance && !this.settled) this.bytes = this.#visitor.bytesWritten - this.#sentBefore
    super.settle()
  }

  protected override received(): number {
    return this.#instance ? this.#visitor.bytesRead - this.#receivedBefore : super.received()
  }

  protected override connectionHeaders(): string[] {
    return ['Connection', 'Upgrade', 'Upgrade', this.req.headers.upgrade ?? '']
  }

  protected override prepare(upstream: ClientRequest): void {
    upstream.on('upgrade', (answer, instance, head) => this.#join(answer, instance, head))
  }

  protected override abandon(): void {
    super.abandon()
    if (!this.#instance) return
    this.#instance.destroy()
    this.#visitor.destroy()
  }

  protected override isComplete(): boolean {
    return this.#instance ? this.#orderly : super.isComplete()
  }

  protected override status(): number {
    return this.#instance ? 101 : super.status()
  }

  #join(answer: IncomingMessage, instance: Socket, head: Buffer): void {
    const visitor = this.#visitor
    if (this.settled || visitor.destroyed) {
      instance.destroy()
      return
    }
    this.#instance = instance
    visitor.off('end', this.#left)
    this.res.detachSocket(visitor)
    visitor.write(switching(answer, responseHeaders(answer.rawHeaders, this.responseRules(101))), 'latin1')
    this.#sentBefore = visitor.bytesWritten
    if (head.length > 0) visitor.write(head)
    if (this.#head.length > 0) instance.write(this.#head)
    tunnel(visitor, instance, this.context.limits.halfOpen, breaker => {
      this.#orderly = breaker === undefined
      this.aborted ??= breaker
      this.settle()
    })
    // Last: it may be revoked by that.
    this.upgraded()
  }

  /** A visitor who ends before the app agreed has gone. */
  readonly #left = (): void => {
    this.#visitor.destroy()
  }
}

/** The 101 that agrees to the protocol, with the app's own headers. */
function switching(answer: IncomingMessage, headers: RawHeaders): string {
  let head = `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${answer.headers.upgrade ?? ''}\r\n`
  for (let i = 0; i + 1 < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`
  return `${head}\r\n`
}

/**
 * An ordinary response on a connection that Node has handed over, for whatever is not a 101: Node has taken its own
 * listeners off, so what they did is done here.
 */
function respondOn(req: IncomingMessage, socket: Socket): ServerResponse {
  const res = new ServerResponse(req)
  res.shouldKeepAlive = false
  res.assignSocket(socket)
  socket.on('error', () => {})
  socket.on('drain', () => res.emit('drain'))
  res.on('finish', () => socket.destroySoon())
  return res
}
