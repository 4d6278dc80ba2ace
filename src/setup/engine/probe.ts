import { readFileSync } from 'node:fs'
import { request as httpRequest, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { join } from 'node:path'

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
export function ping(
  address: string,
  timeout: number,
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<Answer> {
  const { secure, options } = target(address, env)
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeout)
    const request = (secure ? httpsRequest : httpRequest)({
      ...options,
      path: '/_ping',
      signal,
      agent: false,
    })
    request.on('error', error =>
      reject(signal.aborted ? new Error(`no answer within ${timeout / 1000} s`, { cause: error }) : error),
    )
    request.on('response', response => {
      response.resume()
      const api = response.headers['api-version']
      if (response.statusCode !== 200) reject(new Error(`it answered with status ${response.statusCode}`))
      else if (typeof api !== 'string') reject(new Error('it is no container engine'))
      else resolve({ api, version: /\/([\d.]+)/.exec(String(response.headers['server'] ?? ''))?.[1] ?? '' })
    })
    request.end()
  })
}

/** How to reach an address; TLS as the docker client does it, by `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH`. */
function target(
  address: string,
  env: Readonly<Record<string, string | undefined>>,
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
