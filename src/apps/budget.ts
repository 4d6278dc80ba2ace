import type { Log } from '../log.ts'
import { defaultMemory } from './settings.ts'

/** Remarks on a budget (DORMICE_MEMORY) that hardly is what was meant, beside what the machine has; both in bytes. */
export function remarkOnBudget(budget: number, machine: number, log: Pick<Log, 'warn'>): void {
  if (budget > machine) log.warn('budget_larger_than_machine', { budget, machine })
  if (budget < defaultMemory) log.warn('budget_smaller_than_limit', { budget, defaultLimit: defaultMemory })
}
