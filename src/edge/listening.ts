import type { AddressInfo, Server } from 'node:net'

export type Address = { host: string; port: number }

/** Makes a server accept connections; port 0 takes a free one. Rejects when the address is taken. */
export function listen(server: Server, { host, port }: Address): Promise<AddressInfo> {
  return new Promise((done, failed) => {
    server.once('error', failed)
    server.listen(port, host, () => {
      server.off('error', failed)
      done(server.address() as AddressInfo)
    })
  })
}
