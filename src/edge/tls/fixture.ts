import { once } from 'node:events'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2'
import type { TestContext } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import type { Upstream } from '../../apps/lease.ts'
import type { EdgeOptions } from '../edge.ts'
import { type Stage, stage } from '../fixture.ts'
import { type Certificate, readCertificate } from './certificate.ts'
import { selfSigned } from './self-signed.ts'
import type { CertificateSource } from './source.ts'

/** Certificates by hand. */
export class HandCertificates implements CertificateSource {
  readonly mode = 'files'
  readonly byName = new Map<string, Certificate | Promise<Certificate | undefined>>()
  readonly challenges = new Map<string, string>()
  /** Hosts that were asked for. */
  readonly asked: string[] = []

  constructor(...names: string[]) {
    for (const name of names) this.byName.set(name, certificateFor(name))
  }

  find(host: string): Certificate | undefined | Promise<Certificate | undefined> {
    this.asked.push(host)
    return this.byName.get(host)
  }

  offers(host: string): boolean {
    return this.byName.has(host)
  }

  challenge(token: string): string | undefined {
    return this.challenges.get(token)
  }

  start(): void {}

  status() {
    return { certificates: [], failures: [] }
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

export function certificateFor(name: string): Certificate {
  const { chain, key } = selfSigned({ names: [name] })
  return readCertificate(chain, key)
}

export type SecureStage = Stage & { tlsPort: number; certificates: HandCertificates }

/** An edge for `app.localhost` with HTTPS. */
export async function secureStage(
  t: TestContext,
  upstream: Upstream | undefined,
  { hsts, ...options }: Partial<EdgeOptions> & { hsts?: number } = {},
): Promise<SecureStage> {
  const certificates = new HandCertificates('app.localhost', 'dormice.localhost')
  const made = await stage(t, upstream, { tls: { source: certificates, hsts }, ...options })
  const { port: tlsPort } = await made.edge.listenTls({ host: '127.0.0.1', port: 0 })
  return { ...made, tlsPort, certificates }
}

/** A TLS connection; the certificate is not judged. Rejects with the handshake's failure. */
export async function dialTls(
  t: TestContext,
  port: number,
  { host = 'app.localhost', alpn = ['http/1.1'] }: { host?: string; alpn?: string[] } = {},
): Promise<TLSSocket> {
  const socket = connect({
    port,
    host: '127.0.0.1',
    servername: host,
    ALPNProtocols: alpn,
    rejectUnauthorized: false,
  })
  t.after(() => socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

/** A connection that speaks HTTP/2. */
export async function dialHttp2(t: TestContext, port: number): Promise<ClientHttp2Session> {
  const session = connectHttp2(`https://127.0.0.1:${port}`, {
    servername: 'app.localhost',
    rejectUnauthorized: false,
  })
  t.after(() => session.destroy())
  session.on('error', () => {})
  await once(session, 'connect')
  return session
}

export type StreamAnswer = {
  status: number | undefined
  headers: IncomingHttpHeaders
  /** Informational answers before it. */
  before: IncomingHttpHeaders[]
  trailers: IncomingHttpHeaders | undefined
  body: string
  /** The code that the stream was closed with; 0 is in order. */
  code: number
}

/** A request for the app on a stream of its own; its body is the caller's. */
export function open(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders = {},
  endStream = true,
): ClientHttp2Stream {
  return session.request({ ':authority': 'app.localhost', ...headers }, { endStream })
}

/** What is answered on a stream, when that is over. */
export async function answerOf(stream: ClientHttp2Stream): Promise<StreamAnswer> {
  const answer: StreamAnswer = {
    status: undefined,
    headers: {},
    before: [],
    trailers: undefined,
    body: '',
    code: 0,
  }
  stream.on('headers', headers => answer.before.push(headers))
  stream.on('response', headers => {
    answer.status = headers[':status']
    answer.headers = headers
  })
  stream.on('trailers', headers => {
    answer.trailers = headers
  })
  stream.on('data', (chunk: Buffer) => {
    answer.body += chunk.toString('latin1')
  })
  stream.on('error', () => {})
  await new Promise<void>(resolve => stream.once('close', resolve))
  answer.code = stream.rstCode ?? 0
  return answer
}

/** A GET for the app, or what the headers say. */
export function ask(session: ClientHttp2Session, headers?: OutgoingHttpHeaders): Promise<StreamAnswer> {
  return answerOf(open(session, headers))
}
