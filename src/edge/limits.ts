import { connectionsThatFit } from './descriptors.ts'

/** Bounds of the edge. Times in milliseconds, sizes in bytes. */
export type Limits = {
  /** A request's target; more is answered 414. */
  targetBytes: number
  /** A request's line and headers; more is answered 431, or 414 where the target alone is the reason. */
  headerBytes: number
  /** Requests of one connection that are not answered yet; with the last of them the connection ends. */
  pipelined: number
  /** Requests under way at once on a connection that speaks HTTP/2. */
  streams: number
  /** Until a request's headers are complete; then 408. */
  headersTimeout: number
  /** Without a byte of a body that is being read; then 408. As a whole it may take as long as it likes. */
  bodyTimeout: number
  /** Without a byte of an answer that its visitor takes; then the connection is broken off. */
  unreadTimeout: number
  /** Connections that visitors may have in all; beyond it they are reset. */
  connections: number
  /** Connections that one address may have, or one IPv6 network of 64 bits; beyond it they are reset. */
  connectionsOfOne: number
  /** How long a visitor's handshake waits for a certificate that is being obtained. */
  certificateTimeout: number
  /** How long an idle visitor's connection is kept. */
  keepAlive: number
  /** Until an instance accepts a connection; then 502. */
  connectTimeout: number
  /** Until an app begins its answer; then 504. The answer itself may take as long as it likes. */
  answerTimeout: number
  /** An answer's line and headers; more is a 502. */
  answerHeaderBytes: number
  /** How long the rest of a request's body is still taken in after its answer, so that the visitor can read that. */
  linger: number
  /** An app whose wakes are expected to take longer shows browsers a page meanwhile. */
  wakeWithoutPage: number
  /** How long a tunnel may be silent after one side has ended. */
  halfOpen: number
  /** How long a tunnel may go on once its app is told to stop; more than the time apps have for that. */
  farewell: number
}

export const DEFAULT_LIMITS: Readonly<Limits> = Object.freeze({
  targetBytes: 8 * 1024,
  headerBytes: 16 * 1024,
  pipelined: 64,
  streams: 128,
  headersTimeout: 20_000,
  bodyTimeout: 60_000,
  unreadTimeout: 300_000,
  connections: connectionsThatFit(),
  connectionsOfOne: 256,
  certificateTimeout: 30_000,
  keepAlive: 65_000,
  connectTimeout: 10_000,
  answerTimeout: 300_000,
  answerHeaderBytes: 64 * 1024,
  linger: 5_000,
  wakeWithoutPage: 2_000,
  halfOpen: 60_000,
  farewell: 15_000,
})
