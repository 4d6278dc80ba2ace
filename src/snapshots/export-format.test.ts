import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ExportedApp, layerEntry, layerOf } from './export-format.ts'

const layer = (digit: string) => `sha256:${digit.repeat(64)}`
const config = JSON.stringify({
  architecture: 'amd64',
  os: 'linux',
  created: '2026-01-02T03:04:05.123456789Z',
  config: {
    Env: ['PATH=/bin'],
    Cmd: ['node'],
    ExposedPorts: { '8080/tcp': {} },
    WorkingDir: '/app',
    User: '',
  },
})

/** A description that is right, with changes. */
function described(change: (it: any) => void = () => undefined): unknown {
  const it = {
    format: 1,
    name: 'app',
    exportedAt: '2026-01-02T03:04:05.678Z',
    settings: {
      memory: 128 * 1024 * 1024,
      sleepAfter: 60_000,
      cpu: 0.5,
      access: { rate: { requests: 5, per: 1000, burst: 9 }, auth: { anna: null }, queueTimeout: 5000 },
    },
    env: ['API_KEY'],
    release: {
      createdAt: 1,
      spec: {
        runtime: 'node',
        command: ['node', 'main.js'],
        port: 8080,
        env: {},
        confinement: 'confined',
        state: 'keep',
        settings: { wakeTimeout: 10_000, idle: 'cpu' },
        source: { kind: 'upload', sha256: '0'.repeat(64), bytes: 1 },
      },
      files: [['main.js', '0'.repeat(64)]],
      image: { config, layers: [layer('a'), layer('b')] },
    },
    state: { createdAt: 2, image: { config, layers: [layer('a'), layer('b'), layer('c')] } },
  }
  change(it)
  return it
}

/** Where it is wrong; undefined: it is right. */
const wrongAt = (change: (it: any) => void) =>
  ExportedApp.safeParse(described(change)).error?.issues[0]?.path.join('.')

describe('the description of an exported app', () => {
  test('is read as it was written', () => {
    const parsed = ExportedApp.parse(described())
    assert.deepEqual(parsed, described())
  })

  test('has no setting that could not be set otherwise: a limit of 0 would be none', () => {
    for (const [key, value] of [
      ['memory', 0],
      ['memory', 1],
      ['cpu', 0],
      ['pids', 0],
      ['sleepAfter', 0],
      ['wakeTimeout', -1],
      ['startTimeout', 10 ** 9],
      ['maxWaiting', 0],
      ['idle', 'never'],
      ['sleepAfter', '5m'],
      ['disk', 0],
      ['unknown', 1],
    ] as const) {
      const at = (settings: any) => {
        settings[key] = value
      }
      assert.ok(wrongAt(it => at(it.settings))?.startsWith('settings'), key)
      assert.ok(wrongAt(it => at(it.release.spec.settings))?.startsWith('release.spec.settings'), key)
    }
  })

  test('has times that can be shown, and an environment that can be set', () => {
    for (const time of [-1, 0.5, 9e15]) {
      assert.equal(
        wrongAt(it => {
          it.release.createdAt = time
        }),
        'release.createdAt',
      )
      assert.equal(
        wrongAt(it => {
          it.state.createdAt = time
        }),
        'state.createdAt',
      )
    }
    for (const [name, value] of [
      ['', 'x'],
      ['A=B', 'x'],
      ['A', 'x\0'],
    ] as const) {
      const at = wrongAt(it => {
        it.release.spec.env = { [name]: value }
      })
      assert.ok(at?.startsWith('release.spec.env'), JSON.stringify([name, value]))
    }
  })

  test('has no configuration that the engine could not load', () => {
    for (const bad of [
      'no json',
      'null',
      '[]',
      '{}',
      '{"architecture":"amd64","os":"windows"}',
      '{"architecture":"amd64","os":"linux","created":"yesterday"}',
      '{"architecture":"amd64","os":"linux","config":[]}',
      '{"architecture":"amd64","os":"linux","config":{"Env":5}}',
      '{"architecture":"amd64","os":"linux","config":{"Cmd":[1]}}',
      '{"architecture":"amd64","os":"linux","config":{"Volumes":["/data"]}}',
    ]) {
      assert.equal(
        wrongAt(it => {
          it.state.image.config = bad
        }),
        'state.image.config',
        bad,
      )
    }
  })

  test('has a state that lies on its release, or none', () => {
    assert.equal(
      wrongAt(it => {
        it.state = null
      }),
      undefined,
    )
    for (const layers of [[layer('c')], [layer('b'), layer('a'), layer('c')], [layer('a')]]) {
      assert.equal(
        wrongAt(it => {
          it.state.image.layers = layers
        }),
        'state.image.layers',
      )
    }
  })
})

describe('the name of a layer in an export', () => {
  test('leads back to the layer', () => {
    assert.equal(layerOf(layerEntry(layer('a'))), layer('a'))
  })

  test('is nothing else', () => {
    for (const name of [
      'app.json',
      `layers/${'a'.repeat(63)}.tar.gz`,
      `layers/${'A'.repeat(64)}.tar.gz`,
      `/layers/${'a'.repeat(64)}.tar.gz`,
      `layers/../${'a'.repeat(64)}.tar.gz`,
      `layers/${'a'.repeat(64)}.tar.gz/`,
      `layers/${'a'.repeat(64)}.tar.gz\n`,
    ]) {
      assert.equal(layerOf(name), undefined, name)
    }
  })
})
