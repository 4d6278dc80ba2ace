import type Docker from 'dockerode'
import { bounded } from './client.ts'

/** The bridge that instances and builds share; containers on it cannot reach each other. */
export const networkName = 'dormice'

/** Makes the network if the engine has none; several hosts on one engine share it. */
export async function ensureNetwork(docker: Docker): Promise<void> {
  const exists = async () =>
    (await docker.listNetworks({ filters: { name: [networkName] } })).some(
      network => network.Name === networkName,
    )
  await bounded('make network', 20_000, async () => {
    if (await exists()) return
    await docker
      .createNetwork({
        Name: networkName,
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
