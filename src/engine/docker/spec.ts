import type { ContainerCreateOptions, HostConfig } from 'dockerode'
import type { ContainerSpec, SetLimits } from '../engine.ts'
import { writeLabels } from './labels.ts'
import { secretsLabel } from './secrets.ts'

/** Capabilities of the engine's default set that no hosted image gets: raw sockets, device nodes, chroot, audit. */
const deniedToImages = ['NET_RAW', 'MKNOD', 'SYS_CHROOT', 'AUDIT_WRITE']

/** The user of our own runtimes; see `runtimes/`. */
const runtimeUser = '1000:1000'

/** A network namespace that is held ready: the container that holds it, and its address on the instances' network. */
export type Sandbox = { id: string; address: string }

/** Of the processor's time while others want it too; who has no number has 1024. */
const buildShares = 128

const addressLabel = 'dormice.address'

/**
 * The settings of every container that runs an app or builds it. They run strangers' code, so whatever is not needed
 * is off. This file is the one place where containers' settings are built.
 *
 * @param network the engine network that the container joins, or the sandbox that it is put into
 * @param seccomp profile of system calls for what is confined; without one the engine's own
 */
export function containerOptions(
  spec: ContainerSpec,
  network: string | Sandbox,
  seccomp?: string,
): ContainerCreateOptions {
  const confined = spec.confinement === 'confined'
  const [program = '', ...args] = spec.command
  return {
    name: spec.name,
    Image: spec.image,
    Labels: {
      ...writeLabels(spec.labels),
      ...secretsLabel(spec.secrets ?? []),
      ...(typeof network === 'string' ? {} : { [addressLabel]: network.address }),
    },
    Env: Object.entries(spec.env).map(([key, value]) => `${key}=${value}`),
    Entrypoint: [program],
    Cmd: args,
    ...(confined ? { User: runtimeUser, WorkingDir: '/app' } : {}),
    StopSignal: 'SIGTERM',
    StopTimeout: spec.grace,
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      Init: true,
      NetworkMode: typeof network === 'string' ? network : `container:${network.id}`,
      CapDrop: confined ? ['ALL'] : deniedToImages,
      SecurityOpt: security(confined ? seccomp : undefined),
      Memory: spec.limits.memory,
      // Equal to Memory: no swap beyond it, so that one app cannot push the others out.
      MemorySwap: spec.limits.memory,
      NanoCpus: Math.round(spec.limits.cpu * 1e9),
      // A build gets all that nobody else wants: visitors come first.
      ...(spec.labels.role === 'build' ? { CpuShares: buildShares } : {}),
      PidsLimit: spec.limits.pids,
      Ulimits: [
        { Name: 'nofile', Soft: 16_384, Hard: 16_384 },
        { Name: 'core', Soft: 0, Hard: 0 },
      ],
      Tmpfs: { '/tmp': `rw,nosuid,nodev,mode=1777,size=${spec.limits.tmp}` },
      LogConfig: { Type: 'json-file', Config: { 'max-size': '2m', 'max-file': '2' } },
      RestartPolicy: { Name: 'no' },
      ...(spec.cache
        ? {
            Mounts: [
              {
                Type: 'volume' as const,
                Source: spec.cache.volume,
                Target: spec.cache.path,
                ReadOnly: false,
                VolumeOptions: {
                  NoCopy: false,
                  Labels: { 'dormice.host': spec.labels.host },
                  DriverConfig: { Name: '', Options: {} },
                },
              },
            ],
          }
        : {}),
    },
  }
}

/** The limits that a container was created with, out of its settings. */
export function limitsOf({ Memory, NanoCpus, PidsLimit }: HostConfig): SetLimits {
  return { memory: Memory ?? 0, cpu: (NanoCpus ?? 0) / 1e9, pids: PidsLimit ?? 0 }
}

/** What `memory.swap.max` is for a container with these settings: bytes, or `max`. */
export function swapMaxOf({ Memory = 0, MemorySwap = -1 }: HostConfig): string {
  return Memory > 0 && MemorySwap >= Memory ? String(MemorySwap - Memory) : 'max'
}

/** The settings of a container that holds a sandbox. It runs nothing but a program of ours that waits. */
export function sandboxOptions(
  host: string,
  image: string,
  network: string,
  seccomp?: string,
): ContainerCreateOptions {
  return {
    Image: image,
    Labels: writeLabels({ host, role: 'sandbox', app: '', generation: 0, release: 0 }),
    Hostname: 'dormice',
    User: '65534:65534',
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      NetworkMode: network,
      // Nobody but what holds it: apps share its network and nothing else.
      IpcMode: 'none',
      CapDrop: ['ALL'],
      SecurityOpt: security(seccomp),
      ReadonlyRootfs: true,
      Memory: 16 * 1024 * 1024,
      MemorySwap: 16 * 1024 * 1024,
      // Counts threads, and those of the runtime that sets it up: six were seen, and one that gets none ends the start.
      PidsLimit: 32,
      LogConfig: { Type: 'none', Config: {} },
      RestartPolicy: { Name: 'no' },
    },
  }
}

function security(seccomp: string | undefined): string[] {
  return ['no-new-privileges', ...(seccomp === undefined ? [] : [`seccomp=${seccomp}`])]
}

/** The id of the sandbox that a container is in, by its network mode; undefined: it has a network of its own. */
export function sandboxOf(networkMode: string | undefined): string | undefined {
  return networkMode?.startsWith('container:') ? networkMode.slice('container:'.length) : undefined
}

/** Where a container in a sandbox is reached, by its labels. */
export function sandboxAddress(
  labels: Readonly<Record<string, string>> | null | undefined,
): string | undefined {
  return labels?.[addressLabel] || undefined
}
