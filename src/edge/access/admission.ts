import type { IncomingMessage } from 'node:http'
import type { Access } from '../../apps/rules.ts'
import { hasBody } from '../body.ts'
import { origin } from '../crowd.ts'
import type { Answer } from '../pages.ts'
import type { Site } from '../site.ts'
import { admits, type Compiled, type Gate } from './gate.ts'
import type { Verdict } from './logins.ts'
import * as refusals from './refusals.ts'
import type { Turn } from './turns.ts'

/** A request at an app's gate, and what becomes of it. */
export type Applicant = {
  readonly req: IncomingMessage
  readonly site: Site
  /** Where it comes from, as far as can be known. */
  readonly visitor: string
  readonly now: () => number
  /** It came through the app's rules before, which have changed while it waited. */
  readonly isAgain: boolean
  /** Nothing more is to be done for it. */
  isOver(): boolean
  /** It is for the app itself, as that is now, which takes only so many at a time. */
  needsTurn(): boolean
  /** It may go on to the instance. Called once, perhaps later. */
  admitted(): void
  refused(answer: Answer): void
  /** Something went wrong here. */
  failed(error: unknown): void
  /** Its body, of which a part is with the app already, turned out to be too large. */
  exceeded(answer: Answer): void
}

/**
 * One request of an app with access rules between its arrival and the instance: refused, waiting for its turn, or
 * having it. A refused one never touches the instance. What costs least is asked first.
 */
export class Admission implements Turn {
  readonly #applicant: Applicant
  readonly #rules: Access
  readonly #gate: Gate
  /** Its Authorization header was for the gate, and is not for the app. */
  readonly hasLogin: boolean

  constructor(applicant: Applicant, rules: Access) {
    this.#applicant = applicant
    this.#rules = rules
    this.#gate = applicant.site.gate(applicant.now)
    this.hasLogin = rules.auth !== undefined
  }

  start(): void {
    const applicant = this.#applicant
    const { req, visitor, now } = applicant
    const rules = this.#gate.compiled(this.#rules)
    const refusal = this.#refusal(rules)
    if (refusal) applicant.refused(refusal)
    else if (rules.users === undefined) this.#enter()
    else {
      const verdict = this.#gate.logins.check(req.headers.authorization, rules.users, origin(visitor), now())
      if (!(verdict instanceof Promise)) this.#judge(verdict)
      else
        verdict.then(
          late => this.#judge(late),
          error => applicant.failed(error),
        )
    }
  }

  /** It is over, however it ended: the next one may have its turn. */
  leave(): void {
    this.#gate.turns.leave(this)
  }

  begin(): void {
    this.#applicant.admitted()
  }

  late(): void {
    this.#applicant.refused(refusals.TURN_TIMEOUT)
  }

  /** What can be told at once. */
  #refusal(rules: Compiled): Answer | undefined {
    const { req, visitor, now, isAgain } = this.#applicant
    const { maxBody } = this.#rules
    if (!admits(rules, visitor)) return refusals.ADDRESS_DENIED
    const wait = isAgain ? 0 : (rules.rate?.take(origin(visitor), now()) ?? 0)
    if (wait > 0) return refusals.rateLimited(wait)
    if (maxBody !== undefined && Number(req.headers['content-length'] ?? 0) > maxBody)
      return refusals.bodyTooLarge(maxBody)
    return undefined
  }

  #judge(verdict: Verdict): void {
    const applicant = this.#applicant
    if (applicant.isOver()) return
    if (verdict === 'in') this.#enter()
    else if (verdict === 'out') applicant.refused(refusals.credentialsRequired(applicant.site.app))
    else if (verdict === 'busy') applicant.refused(refusals.LOGINS_BUSY)
    else applicant.refused(refusals.tooManyAttempts(verdict.wait))
  }

  #enter(): void {
    const { req } = this.#applicant
    const { maxBody } = this.#rules
    if (maxBody !== undefined && req.headers['content-length'] === undefined && hasBody(req))
      this.#measure(maxBody)
    if (!this.#applicant.needsTurn()) this.begin()
    else if (!this.#gate.turns.enter(this)) this.#applicant.refused(refusals.QUEUE_FULL)
  }

  /** Looks on at a body that does not say how long it is. */
  #measure(max: number): void {
    const { req } = this.#applicant
    let bytes = 0
    // Who listens to a stream that was not paused starts it, and the body is still to stay with the visitor.
    req.pause()
    req.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > max) this.#applicant.exceeded(refusals.bodyTooLarge(max))
    })
  }
}
