import { randomBytes } from 'node:crypto'
import type Docker from 'dockerode'
import { type DiffId, EngineUnavailable, type LayerSink, NotFound } from '../../engine.ts'
import { bounded } from '../client.ts'
import { readProgress } from '../progress.ts'
import { withTag } from './push-tag.ts'
import type { Registry } from './registry.ts'

/** The engine has no contact with our registry: its loopback interface is not ours. */
export class NoContact extends Error {
  override name = 'NoContact'
}

/** The engine broke off sending a layer, and tries that again: it may not be able to read it. */
export class BrokenOff extends Error {
  override name = 'BrokenOff'
  readonly layer: DiffId

  constructor(layer: DiffId) {
    super(`the engine does not send ${layer} to its end`)
    this.layer = layer
  }
}

/** An image on the engine, with a tag at least, and how large it is. */
export type Pushed = { id: string; layers: readonly DiffId[]; size: number }

/** Bytes that a layer's tar may have beyond the files in it, for very many very small files. */
const slack = 1024 ** 3
/** Bytes a second that even a slow disk takes in. */
const slowest = 2_000_000

/** How the engine says of a layer that sending it failed; why, it says only when it has failed five times. */
const retrying = /^Retrying in \d+ second/

/**
 * Has the engine push an image to our registry, which asks it only for layers that the sink has not.
 *
 * @throws {NoContact}
 * @throws {BrokenOff} at once, where the engine would try for 100 s
 */
export async function push(
  docker: Docker,
  image: Pushed,
  registry: Registry,
  sink: LayerSink,
  closing: AbortSignal,
): Promise<void> {
  const repository = await registry.address()
  const session = registry.begin(sink, 2 * image.size + slack)
  const given = new AbortController()
  const tag = randomBytes(8).toString('hex')
  const { username, password } = session
  try {
    await withTag(docker, image.id, repository, tag, () =>
      bounded('push image', 10 * 60_000 + (image.size / slowest) * 1000, async () => {
        const stream = await docker.getImage(repository).push({
          tag,
          authconfig: { username, password, serveraddress: repository.split('/', 1)[0] ?? '' },
          abortSignal: AbortSignal.any([given.signal, session.failed, closing]),
        })
        await readProgress(stream, ({ status = '', id = '' }) => {
          // It also tries again what we refused, and what another push of the same layer was refused. Only where it ends
          // an upload half-way itself is it what it reads that fails.
          if (!session.brokenOff || !retrying.test(status)) return
          const layer = image.layers.find(one => one.startsWith(`sha256:${id}`))
          if (id !== '' && layer !== undefined) throw new BrokenOff(layer)
        })
      }),
    )
    if (session.pushed?.join() !== image.layers.join()) throw new Error('the engine pushed another image')
  } catch (error) {
    closing.throwIfAborted()
    if (session.failed.aborted) throw new SinkFailed(session.failed.reason)
    if (session.contacted || error instanceof EngineUnavailable || error instanceof NotFound) throw error
    throw new NoContact('the engine does not reach us', { cause: error })
  } finally {
    given.abort()
    registry.end(session)
  }
}

/** Where the layers go failed, not the way there. */
export class SinkFailed extends Error {
  override name = 'SinkFailed'

  constructor(cause: unknown) {
    super('layers cannot be kept', { cause })
  }
}
