import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContainerSpec } from '../engine.ts'
import { containerOptions, limitsOf, sandboxOptions, swapMaxOf } from './spec.ts'

const spec: ContainerSpec = {
  name: 'dormice-0a1b2c3d4e5f-notes',
  image: 'dormice-0a1b2c3d4e5f/notes:s3',
  labels: { host: '0a1b2c3d4e5f', role: 'instance', app: 'notes', generation: 4, release: 1 },
  command: ['node', 'server.js'],
  env: { PORT: '8080', KEY: 'a=b' },
  limits: { memory: 268_435_456, cpu: 0.5, pids: 256, tmp: 67_108_864 },
  confinement: 'confined',
  grace: 10,
}

const hostConfig = {
  Init: true,
  NetworkMode: 'dormice',
  CapDrop: ['ALL'],
  SecurityOpt: ['no-new-privileges'],
  Memory: 268_435_456,
  MemorySwap: 268_435_456,
  NanoCpus: 500_000_000,
  PidsLimit: 256,
  Ulimits: [
    { Name: 'nofile', Soft: 16_384, Hard: 16_384 },
    { Name: 'core', Soft: 0, Hard: 0 },
  ],
  Tmpfs: { '/tmp': 'rw,nosuid,nodev,mode=1777,size=67108864' },
  LogConfig: { Type: 'json-file', Config: { 'max-size': '2m', 'max-file': '2' } },
  RestartPolicy: { Name: 'no' },
}

const golden = {
  name: 'dormice-0a1b2c3d4e5f-notes',
  Image: 'dormice-0a1b2c3d4e5f/notes:s3',
  Labels: {
    'dormice.host': '0a1b2c3d4e5f',
    'dormice.role': 'instance',
    'dormice.app': 'notes',
    'dormice.generation': '4',
    'dormice.release': '1',
  },
  Env: ['PORT=8080', 'KEY=a=b'],
  Entrypoint: ['node'],
  Cmd: ['server.js'],
  User: '1000:1000',
  WorkingDir: '/app',
  StopSignal: 'SIGTERM',
  StopTimeout: 10,
  Healthcheck: { Test: ['NONE'] },
  HostConfig: hostConfig,
}

test('an instance of our runtimes runs as our user, without capabilities, bounded in everything', () => {
  assert.deepEqual(containerOptions(spec, 'dormice'), golden)
})

test('the limits of a container are read back as they were given', () => {
  const { tmp: _, ...limits } = spec.limits
  assert.deepEqual(limitsOf(hostConfig), limits)
})

test('an app may use no swap, unless the engine says that it cannot limit it', () => {
  assert.equal(swapMaxOf(hostConfig), '0')
  assert.equal(swapMaxOf({ ...hostConfig, MemorySwap: -1 }), 'max')
  assert.equal(swapMaxOf({ Memory: 1000, MemorySwap: 1500 }), '500')
})

test('an instance of a strange image keeps its user and folder, and the default capabilities but four', () => {
  const { User, WorkingDir, ...rest } = golden
  assert.deepEqual(containerOptions({ ...spec, confinement: 'image' }, 'dormice'), {
    ...rest,
    HostConfig: { ...hostConfig, CapDrop: ['NET_RAW', 'MKNOD', 'SYS_CHROOT', 'AUDIT_WRITE'] },
  })
})

test('what is confined gets the profile of system calls that there is, a strange image keeps the engine’s', () => {
  const optionsOf = (confinement: 'confined' | 'image') =>
    containerOptions({ ...spec, confinement }, 'dormice', '{}').HostConfig?.SecurityOpt
  assert.deepEqual(optionsOf('confined'), ['no-new-privileges', 'seccomp={}'])
  assert.deepEqual(optionsOf('image'), ['no-new-privileges'])
  assert.deepEqual(
    sandboxOptions('0a1b2c3d4e5f', 'dormice/sandbox:1', 'dormice', '{}').HostConfig?.SecurityOpt,
    ['no-new-privileges', 'seccomp={}'],
  )
})

test('a build has its cache as a volume, which no commit keeps, and nothing of the machine’s own disk', () => {
  const build = containerOptions(
    { ...spec, cache: { volume: 'dormice-0a1b-cache-admin', path: '/cache' } },
    'dormice',
  )
  assert.deepEqual(build, {
    ...golden,
    HostConfig: {
      ...hostConfig,
      Mounts: [
        {
          Type: 'volume',
          Source: 'dormice-0a1b-cache-admin',
          Target: '/cache',
          ReadOnly: false,
          VolumeOptions: {
            NoCopy: false,
            Labels: { 'dormice.host': '0a1b2c3d4e5f' },
            DriverConfig: { Name: '', Options: {} },
          },
        },
      ],
    },
  })
})

test('a build gets little of the processor while visitors want it', () => {
  const build = containerOptions({ ...spec, labels: { ...spec.labels, role: 'build' } }, 'dormice')
  assert.equal(build.HostConfig?.CpuShares, 128)
})

test('an instance in a sandbox differs in its network alone', () => {
  const { Labels, HostConfig, ...rest } = golden
  assert.deepEqual(containerOptions(spec, { id: 'abc', address: '172.18.0.9' }), {
    ...rest,
    Labels: { ...Labels, 'dormice.address': '172.18.0.9' },
    HostConfig: { ...HostConfig, NetworkMode: 'container:abc' },
  })
})

test('what holds a sandbox may do nothing, and has next to nothing', () => {
  assert.deepEqual(sandboxOptions('0a1b2c3d4e5f', 'dormice/sandbox:1', 'dormice'), {
    Image: 'dormice/sandbox:1',
    Labels: {
      'dormice.host': '0a1b2c3d4e5f',
      'dormice.role': 'sandbox',
      'dormice.app': '',
      'dormice.generation': '0',
      'dormice.release': '0',
    },
    Hostname: 'dormice',
    User: '65534:65534',
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      NetworkMode: 'dormice',
      IpcMode: 'none',
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: true,
      Memory: 16_777_216,
      MemorySwap: 16_777_216,
      PidsLimit: 32,
      LogConfig: { Type: 'none', Config: {} },
      RestartPolicy: { Name: 'no' },
    },
  })
})
