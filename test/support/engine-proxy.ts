import { rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The engine behind a socket of its own, which a test takes away and gives back while the engine itself runs on. */
export class EngineProxy implements AsyncDisposable {
  readonly #path = join(tmpdir(), `dormice-engine-${process.pid}.sock`)
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined

  /** What `DOCKER_HOST` has to be to go through it. */
  get address(): string {
    return `unix://${this.#path}`
  }

  /** Resolves when the engine is reached through it. */
  async open(): Promise<void> {
    rmSync(this.#path, { force: true })
    const server = createServer({ allowHalfOpen: true }, client => {
      const engine = connect({ path: '/var/run/docker.sock', allowHalfOpen: true })
      for (const [from, to] of [
        [client, engine],
        [engine, client],
      ] as const) {
        this.#sockets.add(from)
        from.on('error', () => undefined)
        from.on('close', () => {
          this.#sockets.delete(from)
          to.destroy()
        })
        from.pipe(to)
      }
    })
    this.#server = server
    await new Promise<void>(resolve => server.listen(this.#path, resolve))
  }

  /** Breaks every connection; resolves when there is nothing at the address any more. */
  async close(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    const closed = server && new Promise(resolve => server.close(resolve))
    for (const socket of this.#sockets) socket.destroy()
    await closed
    rmSync(this.#path, { force: true })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
