import type Docker from 'dockerode'
import { bounded } from './client.ts'

/** The bridge that instances and the builds of our runtimes share; containers on it cannot reach each other. */
export const networkName = 'dormice'

/**
 * The bridge of the steps of Dockerfiles. The engine's builder runs them as root and with raw sockets, and on the
 * instances' own bridge they could take over an instance's address (ARP), and with it the requests meant for it.
 */
export const buildNetworkName = 'dormice-build'

/** Makes a network if the engine has none of the name; several hosts on one engine share it. */
export async function ensureNetwork(docker: Docker, name: string): Promise<void> {
  const exists = async () =>
    (await docker.listNetworks({ filters: { name: [name] } })).some(network => network.Name === name)
  await bounded('make network', 20_000, async () => {
    if (await exists()) return
    await docker
      .createNetwork({
        Name: name,
        Driver: 'bridge',
        CheckDuplicate: true,
        Options: { 'com.docker.network.bridge.enable_icc': 'false' },
        Labels: { 'dormice.role': 'network' },
      })
      .catch(async error => {
        // Another host on this engine may have made it in between.
        if (!(await exists())) throw error
      })
  })
}
