import type Client from 'dockerode'
import { messageOf } from '../../problem.ts'
import { EngineUnavailable, NotFound } from '../engine.ts'
import { Docker } from './dockerode.ts'

/** A client of the engine that `DOCKER_HOST` names, else of the local socket. */
export function connect(): Client {
  return new Docker()
}

/**
 * Bounds one call to the engine in time and names its failure: dockerode's own timeouts do not end a call
 * whose answer stopped half-way.
 *
 * @param what names the call in the error, e.g. "stop container"
 * @param ms how long the call may take
 * @throws {NotFound} the engine answered 404
 * @throws {EngineUnavailable} the engine could not be reached or did not answer in time
 */
export async function bounded<T>(what: string, ms: number, run: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new EngineUnavailable(`${what}: no answer from the engine in ${ms / 1000} s`)),
      ms,
    )
  })
  try {
    return await Promise.race([run(), late])
  } catch (error) {
    throw engineError(what, error)
  } finally {
    clearTimeout(timer)
  }
}

/** The HTTP status the engine answered with, if it answered at all. */
export function statusOf(error: unknown): number | undefined {
  const status = (error as { statusCode?: unknown } | null)?.statusCode
  return typeof status === 'number' ? status : undefined
}

const unreachable = new Set([
  'ECONNREFUSED',
  'ENOENT',
  'ECONNRESET',
  'EPIPE',
  'EACCES',
  'ETIMEDOUT',
  'ENOTFOUND',
])

/** What the engine itself says of a call it refused, without what its client puts around it. */
export function reasonOf(error: unknown): string {
  const message = (error as { json?: { message?: unknown } } | null)?.json?.message
  return (typeof message === 'string' ? message : messageOf(error)).trim()
}

/**
 * What a call, or a stream that it answered with, failed with: {@link NotFound} and {@link EngineUnavailable} where
 * it is one of those, else the error as it is.
 */
export function engineError(what: string, error: unknown): unknown {
  if (error instanceof EngineUnavailable || error instanceof NotFound) return error
  const text = `${what}: ${messageOf(error).trim()}`
  if (statusOf(error) === 404) return new NotFound(text, { cause: error })
  const code = (error as { code?: unknown } | null)?.code
  if (statusOf(error) === undefined && typeof code === 'string' && unreachable.has(code)) {
    return new EngineUnavailable(text, { cause: error })
  }
  return error
}
