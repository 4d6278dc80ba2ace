import type Docker from 'dockerode'
import { removeImages } from '../test/support/cleanup.ts'
import { freePort } from './free-port.ts'

/** Label of the containers that a benchmark makes through dockerode; its value is the run. */
const label = 'dormice.bench'

/** How a raw container is reached. */
export type Network =
  /** On an engine network, at the container's own address. */
  | { kind: 'bridge'; name: string }
  /** In the network namespace of a container that runs, at its address. */
  | { kind: 'sandbox'; id: string; address: string }
  /** On the engine's default bridge, at a port published on loopback: what most tools do. */
  | { kind: 'published' }
  /** On the host's own network: no isolation, no set-up. */
  | { kind: 'host' }

/** A container made through dockerode without Dormice, and how to reach it once it runs. */
export type RawContainer = { container: Docker.Container; address(): Promise<{ host: string; port: number }> }

/**
 * Creates a container with the settings of a model: the same image, command, environment, user, limits and
 * confinement. Only its network differs, and its name and labels, so that no host takes it for its own.
 */
export async function createLike(
  docker: Docker,
  run: string,
  model: Docker.ContainerInspectInfo,
  network: Network,
): Promise<RawContainer> {
  const inside = portOf(model)
  const isOwn = network.kind === 'bridge' || network.kind === 'sandbox'
  const outside = isOwn ? inside : await freePort()
  const { Entrypoint, Cmd, Env, User, WorkingDir, StopSignal, StopTimeout, Healthcheck } =
    model.Config as Docker.ContainerInspectInfo['Config'] & Docker.ContainerCreateOptions
  const own = network.kind === 'host' ? `PORT=${outside}` : `PORT=${inside}`
  const container = await docker.createContainer({
    Image: model.Image,
    Entrypoint,
    Cmd,
    Env: [...(Env ?? []).filter(entry => !entry.startsWith('PORT=')), own],
    User,
    WorkingDir,
    StopSignal,
    StopTimeout,
    Healthcheck,
    // The engine adds the image's labels: without values no host takes the container for its own.
    Labels: { ...withoutValues(model.Config.Labels), [label]: run },
    ...(network.kind === 'published' ? { ExposedPorts: { [`${inside}/tcp`]: {} } } : {}),
    HostConfig: {
      ...model.HostConfig,
      NetworkMode: modeOf(network),
      PortBindings:
        network.kind === 'published'
          ? { [`${inside}/tcp`]: [{ HostIp: '127.0.0.1', HostPort: String(outside) }] }
          : {},
    },
  })
  return {
    container,
    async address() {
      if (network.kind === 'sandbox') return { host: network.address, port: inside }
      if (network.kind !== 'bridge') return { host: '127.0.0.1', port: outside }
      const { NetworkSettings } = await container.inspect()
      const host = NetworkSettings.Networks[network.name]?.IPAddress
      if (!host)
        throw new Error(`a container on ${network.name} has no address: it ended right after its start`)
      return { host, port: inside }
    },
  }
}

/** Removes all containers of a run, whatever their state, and the images committed of them. */
export async function removeAll(docker: Docker, run: string): Promise<void> {
  const found = await docker.listContainers({ all: true, filters: { label: [`${label}=${run}`] } })
  for (const { Id } of found) await docker.getContainer(Id).remove({ force: true, v: true })
  await removeImages(`${label}=${run}`)
}

function modeOf(network: Network): string {
  if (network.kind === 'bridge') return network.name
  if (network.kind === 'sandbox') return `container:${network.id}`
  return network.kind === 'host' ? 'host' : 'bridge'
}

function withoutValues(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.keys(labels).map(key => [key, '']))
}

function portOf({ Config }: Docker.ContainerInspectInfo): number {
  return Number((Config.Env ?? []).find(entry => entry.startsWith('PORT='))?.slice('PORT='.length) ?? 8080)
}
