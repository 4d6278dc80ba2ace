import { megabytes, type Taken } from './meter.ts'
import { type Row, summarise } from './report.ts'
import type { Fit } from './room.ts'

/** What one more app takes, by what of it does, bytes. */
function each({ apps, with: taken, without }: Fit, part: keyof Taken): number {
  return (taken[part] - without[part]) / apps.length
}

/** How many apps there was room for; where fewer were tried, how many there is if more take as much as those. */
export function roomFor(fit: Fit, limit: number): number {
  const { apps, with: taken } = fit
  const perApp = each(fit, 'total') - each(fit, 'host')
  return apps.length + Math.max(Math.floor((limit - taken.total) / perApp), 0)
}

/** Rows of how many apps there was room for, and what each of them took. */
export function fitRows(state: string, fit: Fit, limit: number): Row[] {
  const row = (what: string, bytes: number) => summarise(`  ${what}`, 'MB', [megabytes(bytes)])
  return [
    summarise(`${state} apps in 1 GiB`, 'apps', [roomFor(fit, limit)]),
    row('measured with', fit.with.total),
    row('of it the host process', fit.with.host),
    row('an app’s processes', each(fit, 'instances')),
    row('its sandbox', each(fit, 'sandboxes')),
    row('the shims of both', each(fit, 'shims')),
  ]
}
