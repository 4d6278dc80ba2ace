import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type Docker from 'dockerode'
import { bounded } from './client.ts'

/** The bridge that instances and the builds of our runtimes share; containers on it cannot reach each other. */
export const networkName = 'dormice'

/**
 * The bridge of the steps of Dockerfiles. The engine's builder runs them as root and with raw sockets, and on the
 * instances' own bridge they could take over an instance's address (ARP), and with it the requests meant for it.
 */
export const buildNetworkName = 'dormice-build'

/**
 * Makes a network if the engine has none of the name. Several hosts on one engine share it, and the engine lets any
 * number have one name when they are made at the same moment, of which none can be used by it any more. Of bridges
 * with one interface it makes only one.
 */
export async function ensureNetwork(docker: Docker, name: string): Promise<void> {
  const exists = async () =>
    (await docker.listNetworks({ filters: { name: [name] } })).some(network => network.Name === name)
  await bounded('make network', 20_000, async () => {
    if (await exists()) return
    const { DockerRootDir }: { DockerRootDir: string } = await docker.info()
    try {
      await docker.createNetwork({
        Name: name,
        Driver: 'bridge',
        CheckDuplicate: true,
        Options: {
          'com.docker.network.bridge.enable_icc': 'false',
          'com.docker.network.bridge.name': interfaceOf(name, DockerRootDir),
        },
        Labels: { 'dormice.role': 'network' },
      })
    } catch (error) {
      // Another one may just be making it: it is listed once that is done.
      for (const ms of [0, 20, 50, 100, 200, 500]) {
        await sleep(ms)
        if (await exists()) return
      }
      throw error
    }
  })
}

/**
 * The interface of a network's bridge, at most 15 characters. Engines of one machine, told apart by where they store,
 * must not share it: each would give it an address of its own.
 */
function interfaceOf(name: string, root: string): string {
  return `dorm-${createHash('sha256').update(`${root}\0${name}`).digest('hex').slice(0, 10)}`
}
