import { readFileSync } from 'node:fs'
import { request as httpRequest, type IncomingHttpHeaders, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

/** What an engine says about itself. */
export type Answer = {
  /** Version of the engine, e.g. `20.10.24`; empty when it does not say. */
  version: string
  /** Version of its API, e.g. `1.41`. */
  api: string
}

/**
 * Asks the engine at a `DOCKER_HOST`-like address for `/_ping`, within `timeout` ms.
 *
 * @throws Error with the system's `code` (e.g. `ENOENT`, `ECONNREFUSED`, `EACCES`) when there is no
 *   answer, a `TypeError` when the address is none of `unix://`, `tcp://`, `http://`, `https://`.
 */
export async function ping(address: string, timeout: number, env: Environment = {}): Promise<Answer> {
  const { headers } = await get('/_ping', address, timeout, env)
  const api = headers['api-version']
  if (typeof api !== 'string') throw new Error('it is no container engine')
  return { api, version: /\/([\d.]+)/.exec(String(headers['server'] ?? ''))?.[1] ?? '' }
}

/**
 * Whether the engine finds what a container changed by comparing times and sizes of all files, which misses a file
 * that is written twice within a second and keeps its size. Throws as {@link ping} does.
 */
export async function comparesFiles(
  address: string,
  timeout: number,
  env: Environment = {},
): Promise<boolean> {
  const { body } = await get('/info', address, timeout, env)
  const info: { DriverStatus?: [name: string, value: string][] | null } = JSON.parse(body)
  return (info.DriverStatus ?? []).some(
    ([name, value]) => name === 'Native Overlay Diff' && value === 'false',
  )
}

type Environment = Readonly<Record<string, string | undefined>>

function get(
  path: string,
  address: string,
  timeout: number,
  env: Environment,
): Promise<{ headers: IncomingHttpHeaders; body: string }> {
  const { secure, options } = target(address, env)
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeout)
    const request = (secure ? httpsRequest : httpRequest)({ ...options, path, signal, agent: false })
    const failed = (error: Error) =>
      reject(signal.aborted ? new Error(`no answer within ${timeout / 1000} s`, { cause: error }) : error)
    request.on('error', failed)
    request.on('response', response => {
      const { headers, statusCode } = response
      if (statusCode !== 200) reject(new Error(`it answered with status ${statusCode}`))
      text(response).then(body => resolve({ headers, body }), failed)
    })
    request.end()
  })
}

/** How to reach an address; TLS as the docker client does it, by `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH`. */
function target(
  address: string,
  env: Environment,
): { secure: boolean; options: RequestOptions & { ca?: Buffer; cert?: Buffer; key?: Buffer } } {
  if (address.startsWith('unix://')) return { secure: false, options: { socketPath: address.slice(7) } }
  const { protocol, hostname, port } = new URL(address)
  const secure = protocol === 'https:' || (protocol === 'tcp:' && Boolean(env['DOCKER_TLS_VERIFY']))
  if (!['tcp:', 'http:', 'https:'].includes(protocol)) throw new TypeError(`not supported: ${protocol}//`)
  const options = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || (secure ? 2376 : 2375) }
  const folder = secure ? env['DOCKER_CERT_PATH'] : undefined
  if (!folder) return { secure, options }
  const [ca, cert, key] = ['ca.pem', 'cert.pem', 'key.pem'].map(name => readFileSync(join(folder, name)))
  return { secure, options: { ...options, ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) } }
}

/** Whether an API version is `minimum` or newer: `1.9` is older than `1.41`. */
export function isAtLeast(api: string, minimum: string): boolean {
  const [major = 0, minor = 0] = api.split('.').map(Number)
  const [wantedMajor = 0, wantedMinor = 0] = minimum.split('.').map(Number)
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)
}
