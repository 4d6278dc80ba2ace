import { type Step, steps } from '../src/apps/steps.ts'
import { type Scenario, scenarios } from './scenarios.ts'

/** One kill, or two: at a step of a scenario, and at one of the recovery from that. */
export type Case = { step: Step; scenario: Scenario; again?: Step }

/** Every step of every scenario, in the order of the steps. */
export function singleCases(only: string): Case[] {
  return steps
    .filter(step => step.startsWith(only))
    .flatMap(step => scenarios.filter(one => one.steps.includes(step)).map(scenario => ({ step, scenario })))
}

/** Steps that no scenario leads through: somebody added one and wrote none. */
export function uncovered(all: readonly Step[] = steps, ways: readonly Scenario[] = scenarios): Step[] {
  return all.filter(step => !ways.some(scenario => scenario.steps.includes(step)))
}
