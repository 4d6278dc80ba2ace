import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Lease, WakeInfo } from '../apps/lease.ts'
import { InstanceGone } from '../apps/lease.ts'
import type { Access } from '../apps/rules.ts'
import { plainAddress } from '../networks.ts'
import { messageOf, Problem } from '../problem.ts'
import { Admission } from './access/admission.ts'
import { takeRest } from './body.ts'
import type { AccessRecord, EdgeContext } from './context.ts'
import { appStopping, bodyTimeout, isAppsFault, isUnreachable, upstreamProblem } from './failures.ts'
import type { RawHeaders, ResponseRules } from './headers.ts'
import { requestHeaders, withoutHeader } from './headers.ts'
import type { Answer } from './pages.ts'
import { answerTo, sendAnswer } from './pages.ts'
import { requestId } from './request-id.ts'
import type { Running } from './roster.ts'
import type { Routed } from './router.ts'
import { Standstill } from './standstill.ts'
import { pageOf, showsPage } from './waiting/page.ts'

/**
 * One request of an app from its arrival to the last byte of its answer: waits for the instance, holds the lease,
 * sends, and settles once, however it ends. How it is sent is a subclass's matter.
 */
export abstract class Exchange implements Running {
  readonly context: EdgeContext
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly routed: Routed
  /** Over: the lease is back and nothing more is to be done. */
  settled = false
  /** Bytes of the answer's body so far. */
  bytes = 0
  /** Who ended it early. Once set, what the other side reports is an echo of that. */
  aborted: AccessRecord['aborted']
  place = -1
  /** When it was last sent to the app, in the context's ms; 0: not. */
  protected sentAt = 0
  #lease: Lease | undefined
  #wake: WakeInfo | undefined
  #leaving: AbortController | undefined
  #requestId = ''
  #retried = false
  /** Made when the request is first looked at: most are over before. */
  #standstill: Standstill | undefined
  readonly #began: number
  /** The peer's address, read while there is a connection. */
  #peer = ''
  /** Since when it is held; 0: it is not. */
  #heldSince = 0
  /** How long it was held before that. */
  #held = 0
  #awoke: WakeInfo['kind'] | undefined
  /** When the head of the app's answer came; 0: not. */
  #headAt = 0
  #code: string | undefined
  /** The access rules that it was held to last; undefined: none. */
  #access: Access | undefined
  /** Undefined without any. */
  #admission: Admission | undefined

  constructor(context: EdgeContext, req: IncomingMessage, res: ServerResponse, routed: Routed) {
    this.context = context
    this.req = req
    this.res = res
    this.routed = routed
    this.#began = context.now()
  }

  /** Sends the request with a lease in hand. Called again for a retry. */
  protected abstract send(lease: Lease): void
  /** Breaks off what goes on with the instance, if anything does. */
  protected abstract abandon(): void

  get revoked(): AbortSignal | undefined {
    return this.#lease?.revoked
  }

  /** Begins. From here on, whatever happens ends in {@link settle}. */
  start(): void {
    this.context.running.add(this)
    this.#peer = plainAddress(this.req.socket.remoteAddress ?? 'unknown')
    this.res.on('close', () => this.settle())
    this.#admit()
  }

  /** Ends the request because its instance must go. */
  revoke(): void {
    if (this.settled || this.res.writableFinished) return
    this.aborted = 'edge'
    this.abandon()
    this.fail(appStopping())
  }

  /** Answers with an error; where an answer has begun, cuts it off so that it cannot pass for a whole one. */
  fail(error: unknown): void {
    if (this.settled) return
    const { res, context } = this
    if (res.headersSent || res.destroyed) {
      this.cut()
      return
    }
    if (!(error instanceof Problem)) {
      context.notices.error('edge_request_failed', { app: this.routed.site.app }, { error: messageOf(error) })
    } else if (isAppsFault(error)) this.#blame(error.code, error.cause)
    this.answer(answerTo(error))
  }

  /** Answers in the app's place, and cuts off an answer that has begun. */
  refuse(answer: Answer): void {
    if (this.settled) return
    if (this.res.headersSent || this.res.destroyed) this.cut()
    else this.answer(answer)
  }

  /** Answers in the app's place. Nothing may have been sent yet. */
  answer(answer: Answer): void {
    this.#code = answer.code ?? 'answered'
    this.bytes = sendAnswer(this.req, this.res, answer, this.context.draining)
  }

  /**
   * Answers in the app's place with a body of any kind, without its length among the headers. Nothing may have been
   * sent yet. @param code for the access record
   */
  protected reply(code: string, status: number, headers: RawHeaders, body: Buffer): void {
    this.bytes = this.req.method === 'HEAD' ? 0 : body.length
    this.head(code, status, [...headers, 'Content-Length', String(body.length)])
    this.res.end(body)
  }

  /** Begins an answer in the app's place. @param code for the access record */
  protected head(code: string, status: number, headers: RawHeaders): void {
    this.#code = code
    const { draining, hsts } = this.context
    const own = draining ? ['Connection', 'close'] : []
    if (hsts !== undefined && isSecured(this.req)) own.push('Strict-Transport-Security', hsts)
    this.res.writeHead(status, [...headers, ...own])
  }

  /** Ends an answer so that the visitor sees it is not complete. */
  cut(): void {
    const { req, res } = this
    if (this.aborted === 'app') this.#blame('app_broke_off')
    // Without chunks or a length only a reset tells a broken answer from a finished one.
    if (req.httpVersionMinor === 0 && res.socket) res.socket.resetAndDestroy()
    else res.destroy()
  }

  /** Called every now and then: ends the request when its visitor has left it standing for too long. */
  expire(now: number): void {
    if (this.settled) return
    const { req, res, context } = this
    this.#standstill ??= new Standstill()
    const stalled = this.#standstill.ofVisitor(req, res, context.limits, now)
    // One that was ended early has an answer of the edge's, and that may lie there unread as well.
    if (stalled === undefined || (this.aborted && stalled === 'body')) return
    this.aborted ??= 'visitor'
    context.notices.warn('edge_visitor_stalled', { app: this.routed.site.app, at: stalled })
    this.abandon()
    if (stalled === 'answer') res.destroy()
    else {
      res.shouldKeepAlive = false
      this.fail(bodyTimeout())
    }
  }

  /** Whether the request is begun anew with a fresh lease; at most once. */
  retry(error: Error): boolean {
    if (this.#retried || this.settled || this.res.headersSent) return false
    this.#retried = true
    this.release()
    const looked = isUnreachable(error) ? this.routed.site.target.unreachable?.() : undefined
    if (looked) looked.then(this.claim.bind(this), problem => this.fail(problem))
    else this.claim()
    return true
  }

  /** Everything that happens at the end, exactly once. */
  settle(): void {
    if (this.settled) return
    this.settled = true
    const { req, context } = this
    context.ended(this)
    if (!this.isComplete()) {
      this.aborted ??= context.cutting ? 'edge' : 'visitor'
      this.#leaving?.abort(new Error('the visitor left'))
      this.abandon()
    }
    // Who takes its turn takes a lease before this one is back: an app that is about to sleep stays awake for it.
    this.#admission?.leave()
    this.release()
    if (!req.complete) takeRest(req, req.socket, context.limits.linger)
    if (context.log.access) context.log.access(this.#record())
  }

  /** Whether the visitor got all there was. */
  protected isComplete(): boolean {
    return this.res.writableFinished
  }

  /** Whether it is sent to the app, which may take only so many at a time. */
  protected get needsTurn(): boolean {
    return true
  }

  /** The status for the record. */
  protected status(): number {
    return this.res.headersSent ? this.res.statusCode : 0
  }

  /** Bytes of the request's body so far. */
  protected received(): number {
    return 0
  }

  /** The headers for the app. */
  protected headersForApp(): string[] {
    const { req, routed, context } = this
    this.#requestId ||= requestId(req.headers['x-request-id'])
    const peer = this.#peer
    const headers = requestHeaders(req, {
      host: routed.host,
      peer,
      isProxied: context.proxies?.has(peer) === true,
      proto: isSecured(req) ? 'https' : 'http',
      requestId: this.#requestId,
      wake: this.#wake,
    })
    return this.#admission?.hasLogin ? withoutHeader(headers, 'authorization') : headers
  }

  /** The address that the request comes from, as far as can be known. */
  protected get visitor(): string {
    const { req, context } = this
    return context.proxies?.visitor(this.#peer, joined(req.headers['x-forwarded-for'])) ?? this.#peer
  }

  /** How the head of this answer, which has just come, is to be forwarded. */
  protected responseRules(status: number): ResponseRules {
    const { req } = this
    this.#headAt = this.context.now()
    return {
      mayTrail: req.httpVersionMinor !== 0 && req.method !== 'HEAD' && status !== 204 && status !== 304,
      maySize: status >= 200 && status !== 204,
      wake: this.#wake,
      close: this.context.draining,
      hsts: this.context.hsts !== undefined && isSecured(req) ? this.context.hsts : undefined,
    }
  }

  /** Who puts the instance to sleep need not wait for this any more. */
  protected upgraded(): void {
    this.#lease?.upgraded?.()
  }

  /** Gives the lease back, if it holds one. */
  protected release(): void {
    const lease = this.#lease
    if (!lease) return
    this.#lease = undefined
    lease.release()
  }

  /** Goes through the app's access rules, where it has any, and then for the instance. */
  #admit({ again } = FIRST): void {
    if (this.settled) return
    const { req, context, routed } = this
    const access = routed.site.target.rules?.access
    this.#access = access
    this.#admission?.leave()
    this.#admission = undefined
    if (access === undefined) {
      this.claim()
      return
    }
    this.#admission = new Admission(
      {
        req,
        visitor: this.visitor,
        site: routed.site,
        now: context.now,
        isOver: () => this.settled,
        isAgain: again,
        needsTurn: () => this.needsTurn,
        admitted: () => this.#goOn(),
        refused: answer => this.refuse(answer),
        failed: error => this.fail(error),
        exceeded: answer => this.#exceed(answer),
      },
      access,
    )
    this.#admission.start()
  }

  /** Whether the app's access rules are the ones that it went through: it may have waited for long since. */
  get #isAdmitted(): boolean {
    return this.#access === this.routed.site.target.rules?.access
  }

  /** Goes for the instance, unless other rules apply by now. */
  #goOn(): void {
    if (this.#isAdmitted) this.claim()
    // Not at once: all who wait for their turn may have it at this moment, one from within the other's.
    else queueMicrotask(() => this.#admit({ again: true }))
  }

  /** More of the body came than the app takes. */
  #exceed(answer: Answer): void {
    if (this.settled || this.aborted || this.res.writableEnded) return
    this.aborted = 'edge'
    this.abandon()
    this.release()
    this.refuse(answer)
  }

  /** Goes for a lease, and waits for the instance where it must. */
  protected claim(): void {
    if (this.settled) return
    const { target } = this.routed.site
    try {
      const lease = target.lease()
      if (lease) this.begin(lease)
      else this.#hold()
    } catch (error) {
      this.fail(error)
    }
  }

  /** Shows a page while the instance wakes, unless that is over at once. */
  async #showPage(): Promise<void> {
    const { context, routed } = this
    const page = await pageOf(routed.site, context)
    if (this.settled) return
    if (page === 'awake') this.#goOn()
    else if ('failed' in page) this.fail(page.failed)
    else this.reply('app_waking', 503, page.headers, page.body)
  }

  /** Waits for the instance. The request's body stays with the visitor meanwhile. */
  #hold(): void {
    if (showsPage(this.req, this.routed.site, this.context)) {
      this.#showPage().catch(error => this.fail(error))
      return
    }
    const leaving = new AbortController()
    this.#leaving = leaving
    this.#heldSince ||= this.context.now()
    this.routed.site.target.acquire(leaving.signal).then(
      lease => {
        if (!this.settled && this.#isAdmitted) this.begin(lease)
        else {
          lease.release()
          this.#goOn()
        }
      },
      error => this.fail(error),
    )
  }

  /** Goes on with a lease. */
  protected begin(lease: Lease): void {
    this.#lease = lease
    this.#wake ??= lease.wake
    const { aborted, reason } = lease.revoked
    if (aborted) {
      if (!(reason instanceof InstanceGone)) this.revoke()
      else if (!this.retry(reason)) this.fail(upstreamProblem(reason))
      return
    }
    this.context.running.watch(lease)
    this.sentAt = this.context.now()
    if (this.#heldSince !== 0) {
      this.#held += this.sentAt - this.#heldSince
      this.#heldSince = 0
      // Where a deploy made it wait, or a restart of the host, it was held for a start all the same.
      this.#awoke = lease.awoke ?? 'cold'
    }
    try {
      this.send(lease)
    } catch (error) {
      this.fail(error)
    }
  }

  /** Tells the log that the app failed. */
  #blame(code: string, cause?: unknown): void {
    const { context, routed } = this
    context.notices.warn(
      'edge_app_failed',
      { app: routed.site.app, code },
      { error: cause && messageOf(cause) },
    )
  }

  #record(): AccessRecord {
    const { req, routed, context } = this
    const query = routed.path.indexOf('?')
    const now = context.now()
    this.#requestId ||= requestId(req.headers['x-request-id'])
    return {
      app: routed.site.app,
      method: req.method ?? '',
      path: query === -1 ? routed.path : routed.path.slice(0, query),
      requestId: this.#requestId,
      protocol: req.httpVersion,
      visitor: this.visitor,
      status: this.status(),
      code: this.#code,
      received: this.received(),
      sent: this.bytes,
      ms: now - this.#began,
      wake: this.#awoke ?? 'none',
      wakeMs: this.#leaving && this.#held + (this.#heldSince === 0 ? 0 : now - this.#heldSince),
      upstreamMs: this.#headAt === 0 ? undefined : this.#headAt - this.sentAt,
      first: this.#wake !== undefined,
      aborted: this.aborted,
    }
  }
}

function isSecured({ socket }: IncomingMessage): boolean {
  return 'encrypted' in socket
}

function joined(header: string | string[] | undefined): string | undefined {
  return typeof header === 'object' ? header.join(',') : header
}

/** Most requests do not wait, and nothing is made for those. */
const FIRST = { again: false }
