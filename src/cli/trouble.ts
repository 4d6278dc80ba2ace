import type { AppShape } from '../api/shapes.ts'
import { invocation } from './invocation.ts'
import { overrunLately, tellOfLimit } from './over-limit.ts'
import { remark, sentence, style } from './terminal.ts'

/** Says what is wrong with an app, if something is, and how to go on. */
export function tellTrouble(app: AppShape): void {
  const { name, failure, state } = app
  const marked = style('red', name, process.stderr)
  if (state === 'lost')
    remark(
      `\n${marked}: its image is gone and there is no copy; go back to an older snapshot: ${invocation('timeline', name)}`,
    )
  else if (failure && state !== 'awake')
    remark(`\n${marked}: ${sentence(failure.message)}; ${invocation('logs', name)} shows its log`)
  const overrun = overrunLately(app, Date.now())
  if (overrun) tellOfLimit(app, overrun)
}
