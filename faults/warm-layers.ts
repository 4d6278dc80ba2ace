import { linkSync, mkdirSync, mkdtempSync, readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FaultyHost } from './faulty-host.ts'
import { until } from './inspection.ts'
import { deploy, move } from './operations.ts'
import { rehearse } from './play.ts'

/**
 * The layers of the runtime's image as a host has them in its data folder once it has copied them, for other hosts to
 * begin with: each would copy some 200 MB otherwise, which takes it longer than everything else.
 */
export class WarmLayers implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'dormice-warm-'))
  #made: Promise<void> | undefined

  /** Puts them into the folder of a host that has not been started. */
  async give(host: FaultyHost): Promise<void> {
    this.#made ??= this.#make()
    await this.#made
    const to = join(host.data, 'layers')
    mkdirSync(to, { recursive: true, mode: 0o700 })
    // They are never written again, only removed.
    for (const name of readdirSync(this.#folder)) linkSync(join(this.#folder, name), join(to, name))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#made?.catch(() => undefined)
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #make(): Promise<void> {
    await using host = new FaultyHost({ DORMICE_COPY_AFTER: '1ms' })
    await host.boot()
    await rehearse(host, {}, [deploy('warm', 1), move('warm', 'sleep')])
    const [release = ''] = host.engine.named().releases
    await until(
      'the copy of a release',
      async () => host.engine.copied(),
      copied => copied.includes(release),
    )
    const layers: string[] = (await host.engine.docker.getImage(release).inspect()).RootFS.Layers ?? []
    // The last is the upload, the host's own.
    for (const id of layers.slice(0, -1)) {
      for (const ending of ['.tar.gz', '.list.gz']) {
        const name = `${id.slice('sha256:'.length)}${ending}`
        linkSync(join(host.data, 'layers', name), join(this.#folder, name))
      }
    }
  }
}
