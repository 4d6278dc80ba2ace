import { setTimeout as sleep } from 'node:timers/promises'
import { type Blow, operationOf, type Plan, stepOf, type Wish } from './commands.ts'
import type { FaultyHost } from './faulty-host.ts'
import { readDisk, restingState, until } from './inspection.ts'
import { sameDisk } from './ledger.ts'
import type { Operation } from './operations.ts'
import * as op from './operations.ts'
import { attempt, listSnapshots, type Outcome, rehearse, settle, tidy, Violation } from './play.ts'
import { withSeenSnapshots } from './verdict.ts'
import { type World, withoutContainer, withUnknownSaves } from './world.ts'

/** How long an app may be held back after its container was removed, ms. */
const heldBack = 70_000

/** Figures for the summary. */
export type Tally = { commands: number; kills: number; starts: number; reads: number }

/** One host with what must be true of it, driven by plans. */
export class SoakRun {
  readonly #host: FaultyHost
  readonly #tally: Tally
  #world: World = {}
  /** What was done, for a report. */
  readonly history: string[] = []

  constructor(host: FaultyHost, tally: Tally) {
    this.#host = host
    this.#tally = tally
  }

  /** Does what a plan says, as far as it makes sense here, and looks at what must be. @throws {Violation} */
  async follow(plan: Plan): Promise<void> {
    switch (plan.what) {
      case 'calm':
        return this.#calm(plan.wish)
      case 'read meanwhile':
        return this.#readMeanwhile(plan.wish, plan.after)
      case 'killed':
        return this.#killed([plan.wish], plan.blow)
      case 'two killed':
        return this.#killed([plan.wish, plan.other], plan.blow)
      case 'kill':
        this.#say('SIGKILL to the host')
        await this.#host.kill('SIGKILL')
        return this.#comeBack([this.#world])
      case 'shut down': {
        const operation = op.shutDown('')
        this.#say(operation.name)
        await operation.ask(this.#host)
        const left = await this.#host.engine.containers()
        if (left.length > 0)
          throw new Violation(
            'leaked',
            left.map(one => `after a shutdown ${one.Names[0]} is ${one.State}`),
          )
        return this.#comeBack([operation.done(this.#world)])
      }
      case 'remove container':
        return this.#removeContainer(plan.app)
    }
  }

  /** Looks into everything once more. */
  async finish(): Promise<void> {
    await this.#see([this.#world])
    await tidy(this.#host)
  }

  async #calm(wish: Wish): Promise<void> {
    const operation = operationOf(wish, this.#world)
    if (!operation) return
    this.#say(operation.name)
    this.#world = await rehearse(this.#host, this.#world, [operation])
    if (wish.do === 'delete') await tidy(this.#host)
    else if (wish.do === 'read' || wish.do === 'rollback' || wish.do === 'deploy')
      await this.#see([this.#world], wish.app)
  }

  async #readMeanwhile(wish: Wish, after: number): Promise<void> {
    const operation = operationOf(wish, this.#world)
    const app = this.#world[wish.app]
    if (!operation || !app || wish.do === 'delete') return
    this.#say(`${operation.name}, and read it ${after} ms after`)
    const next = operation.done(this.#world)
    const [, disk] = await Promise.all([
      rehearse(this.#host, this.#world, [
        { ...operation, mayRefuse: [...(operation.mayRefuse ?? []), 'sleep_cancelled'] },
      ]).then(world => {
        this.#world = world
      }),
      sleep(after).then(() => readDisk(this.#host, wish.app)),
    ])
    this.#tally.reads++
    const allowed = [app, next[wish.app]].map(one => one?.disk)
    if (!allowed.some(one => one && sameDisk(one, disk))) {
      throw new Violation('lost', [
        `${wish.app} answered a request with what it had neither before nor after`,
      ])
    }
  }

  async #killed(wishes: readonly Wish[], blow: Blow): Promise<void> {
    const operations = this.#together(wishes)
    const [wish] = wishes
    if (operations.length === 0 || !wish) return
    const at = blow.by === 'step' ? `${stepOf(wish, blow.pick)} (${blow.nth})` : `${blow.after} ms`
    this.#say(`${operations.map(one => one.name).join(' and ')}, SIGKILL at ${at}`)
    if (blow.by === 'step')
      await this.#host.order({ step: stepOf(wish, blow.pick), nth: blow.nth, action: 'kill' })
    const asked = Promise.all(operations.map(operation => attempt(this.#host, operation)))
    if (blow.by === 'time') {
      await sleep(blow.after)
      await this.#host.kill('SIGKILL')
    }
    const outcomes = await asked
    if (this.#host.runs) {
      await this.#host.order(undefined)
      if (this.#host.runs) return this.#took(operations, outcomes)
    }
    this.#tally.kills++
    await this.#comeBack(branches(this.#world, operations, outcomes))
  }

  /** Those that may go on side by side: of different apps, with different new names. */
  #together(wishes: readonly Wish[]): Operation[] {
    const names = new Set<string>()
    const operations: Operation[] = []
    for (const wish of wishes) {
      const touched = 'into' in wish ? [wish.app, wish.into] : [wish.app]
      if (touched.some(name => names.has(name))) continue
      const operation = operationOf(wish, this.#world)
      if (operation) operations.push(operation)
      for (const name of touched) names.add(name)
    }
    return operations
  }

  /** The host lived: each operation had its answer. */
  async #took(operations: readonly Operation[], outcomes: readonly Outcome[]): Promise<void> {
    const before = this.#world
    operations.forEach((operation, n) => {
      const outcome = outcomes[n]
      if (outcome === 'died' || outcome === undefined)
        throw new Error(`the connection of "${operation.name}" broke`)
      if (outcome.status < 300) this.#world = operation.done(this.#world)
      else if (!operation.mayRefuse?.includes(outcome.code ?? ''))
        throw new Violation('stuck', [
          `"${operation.name}" was answered ${outcome.status} ${outcome.body.slice(0, 400)}`,
        ])
    })
    // What was refused may have put the app to sleep before.
    this.#world = withSeenSnapshots(
      await listSnapshots(this.#host, this.#world),
      before,
      withUnknownSaves(before, this.#world),
    )
  }

  async #removeContainer(name: string): Promise<void> {
    if (!this.#world[name] || !(await this.#host.engine.removeContainer(name))) return
    this.#say(`${name}: its container is removed by hand`)
    await until(
      `${name} to be known as gone`,
      () => restingState(this.#host, name),
      state => state !== 'awake',
    )
    await this.#host.api('POST', `/v1/apps/${name}/wake`)
    await this.#see(withoutContainer(this.#world, name), name, heldBack)
  }

  async #comeBack(candidates: readonly World[]): Promise<void> {
    this.#tally.starts++
    await this.#host.boot()
    const before = this.#world
    await this.#see(candidates)
    this.#world = withUnknownSaves(before, this.#world)
    await tidy(this.#host)
  }

  /** Looks which of the worlds it is. */
  async #see(candidates: readonly World[], name?: string, held = 0): Promise<void> {
    const { world, view } = await settle(this.#host, this.#world, candidates, { held, only: name })
    this.#tally.reads += Object.keys(view).length
    this.#world = world
  }

  #say(text: string): void {
    this.#tally.commands++
    this.history.push(text)
  }
}

/** What there may be when each of the operations is done or not; one that was answered is. */
function branches(world: World, operations: readonly Operation[], outcomes: readonly Outcome[]): World[] {
  let worlds = [world]
  operations.forEach((operation, n) => {
    const outcome = outcomes[n]
    const done = worlds.map(one => operation.done(one))
    if (outcome === 'died' || outcome === undefined) worlds = worlds.concat(done)
    else if (outcome.status < 300) worlds = done
  })
  return worlds
}
