import type { ContainerCreateOptions } from 'dockerode'
import type { ContainerSpec } from '../engine.ts'
import { writeLabels } from './labels.ts'
import { secretsLabel } from './secrets.ts'

/** Capabilities of the engine's default set that no hosted image gets: raw sockets, device nodes, chroot, audit. */
const deniedToImages = ['NET_RAW', 'MKNOD', 'SYS_CHROOT', 'AUDIT_WRITE']

/** The user of our own runtimes; see `runtimes/`. */
const runtimeUser = '1000:1000'

/**
 * The settings of every container that Dormice makes: the one place where they are built. Containers run
 * strangers' code, so whatever is not needed is off.
 *
 * @param network the engine network that containers join
 */
export function containerOptions(spec: ContainerSpec, network: string): ContainerCreateOptions {
  const confined = spec.confinement === 'confined'
  const [program = '', ...args] = spec.command
  return {
    name: spec.name,
    Image: spec.image,
    Labels: { ...writeLabels(spec.labels), ...secretsLabel(spec.secrets ?? []) },
    Env: Object.entries(spec.env).map(([key, value]) => `${key}=${value}`),
    Entrypoint: [program],
    Cmd: args,
    ...(confined ? { User: runtimeUser, WorkingDir: '/app' } : {}),
    StopSignal: 'SIGTERM',
    StopTimeout: spec.grace,
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      Init: true,
      NetworkMode: network,
      CapDrop: confined ? ['ALL'] : deniedToImages,
      SecurityOpt: ['no-new-privileges'],
      Memory: spec.limits.memory,
      // Equal to Memory: no swap beyond it, so that one app cannot push the others out.
      MemorySwap: spec.limits.memory,
      NanoCpus: Math.round(spec.limits.cpu * 1e9),
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
