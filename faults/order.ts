import type { Step } from '../src/apps/steps.ts'

/** What a host is to do when it reaches a step for the n-th time since it got the order. */
export type Order = {
  step: Step
  /** From 1. */
  nth: number
  /** `kill`: it sends SIGKILL to itself. `hold`: it stands still until the harness says to go on. */
  action: 'kill' | 'hold'
}
