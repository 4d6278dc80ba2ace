import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import { readArguments, UsageError } from '../faults/arguments.ts'
import { uncovered } from '../faults/cases.ts'
import { FaultyHost } from '../faults/faulty-host.ts'
import { carried, changed, differences, uploaded } from '../faults/ledger.ts'
import { change, deploy, move, snapshot } from '../faults/operations.ts'
import { rehearse, settle, type Violation } from '../faults/play.ts'
import { runCase } from '../faults/run-case.ts'
import { scenarios } from '../faults/scenarios.ts'
import { passed } from '../faults/table.ts'
import { recognise, withSeenSnapshots } from '../faults/verdict.ts'
import { WarmLayers } from '../faults/warm-layers.ts'
import { withChange, withRelease } from '../faults/world.ts'
import { steps } from '../src/apps/steps.ts'

describe('the fault harness', () => {
  test('every step of the list has a scenario that leads through it, and one without is named', () => {
    assert.deepEqual(uncovered(), [])
    assert.deepEqual(
      uncovered(
        steps,
        scenarios.filter(one => !one.steps.includes('compaction.checked')),
      ).filter(step => step === 'compaction.checked'),
      ['compaction.checked'],
    )
  })

  test('what a deploy makes of a disk: the upload wins where it changed, what the app wrote stays', () => {
    const written = changed(changed(uploaded(1), { do: 'own', text: 'mine' }), {
      do: 'put',
      name: 'x',
      text: 'kept',
      mode: 0o600,
    })
    const next = carried(written, 1, 2)
    assert.equal(next['page.txt'], '644 the page of upload 2')
    assert.equal(next['data/files/x'], '600 kept')
    assert.equal(next['only-1.txt'], undefined)
    assert.equal(next['only-2.txt'], '644 in upload 2 alone')
    assert.equal(carried(written, 1, 1)['page.txt'], '644 mine')
  })

  test('a byte that is not there, one too many and one that differs are told apart', () => {
    assert.deepEqual(differences({ a: '644 1', b: '644 2' }, { b: '644 3', c: '644 4' }), [
      'a is missing ("644 1")',
      'b is "644 3", not "644 2"',
      'c should not be there ("644 4")',
    ])
  })

  test('of two worlds the one that was seen is recognised, and a third is complained about', () => {
    const before = withRelease({}, 'ant', 1, false)
    const after = withRelease(before, 'ant', 2, false)
    const seen = { state: 'awake', release: 2, disk: uploaded(2), releases: [1, 2], snapshots: [] }
    assert.deepEqual(recognise({ ant: seen }, [before, after]), { world: after, complaints: [] })
    const other = withChange(after, 'ant', { do: 'append', text: 'lost' })
    assert.deepEqual(recognise({ ant: seen }, [before, other]).complaints, [
      'ant: data/log is missing ("644 lost")',
    ])
    const gone = withSeenSnapshots(
      {
        ant: {
          ...seen,
          snapshots: [{ number: 1, release: 2, reason: 'manual', source: null, current: true }],
        },
      },
      after,
      after,
    )
    assert.deepEqual(recognise({ ant: seen }, [gone]).complaints, ['ant: snapshot 1 is gone'])
  })

  test('a soak takes no list of steps, and a step that does not exist is refused', () => {
    assert.throws(() => readArguments(['--only', 'sleep.never']), UsageError)
    assert.throws(() => readArguments(['--seed', '1', '--only', 'sleep.']), UsageError)
    assert.deepEqual(readArguments(['--seed', '7', '--minutes', '0.5']), {
      mode: 'soak',
      seed: 7,
      minutes: 0.5,
      path: undefined,
      json: false,
    })
  })

  test('a host that is killed between the store’s transaction and the removal of the container loses nothing', async () => {
    await using warm = new WarmLayers()
    const scenario = scenarios.find(one => one.name === 'the app falls asleep for the first time')
    assert.ok(scenario)
    const result = await runCase(
      { step: 'sleep.recorded', scenario },
      { signal: new AbortController().signal, warm },
    )
    assert.ok(passed(result), JSON.stringify(result))
    assert.equal(result.end, 'ledger asleep; done')
  })

  test('an acknowledged change that is gone, and an image that nobody names, are found', async () => {
    await using host = new FaultyHost()
    await host.boot()
    const world = await rehearse(host, {}, [
      deploy('ant', 1),
      change('ant', { do: 'append', text: 'written' }),
      move('ant', 'sleep'),
      snapshot('ant'),
    ])
    assert.deepEqual(Object.keys(world['ant']?.snapshots ?? {}), ['1'])
    await settle(host, world, [world])
    // While it runs, it might be quicker to tidy up than the look for what is to be found.
    await host.kill('SIGKILL')
    const [image] = host.engine.named().releases
    const stray = { repo: 'dormice-faults-test', tag: randomUUID() }
    await host.engine.docker.getImage(image!).tag(stray)
    assert.deepEqual(await host.engine.leaks(), [`image ${stray.repo}:${stray.tag}`])
    await host.boot()
    const more = withChange(world, 'ant', { do: 'append', text: ' and more' })
    await assert.rejects(settle(host, more, [more]), (error: Violation) => {
      assert.equal(error.kind, 'lost')
      assert.match(error.message, /ant: data\/log is "644 written", not "644 written and more"/)
      return true
    })
  })
})
