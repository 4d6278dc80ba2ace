import type { Context } from './context.ts'
import type { CurrentSettings } from './current-settings.ts'
import type { EngineSide } from './engine-side.ts'
import type { Failures } from './failures.ts'
import type { Footprint } from './footprint.ts'
import type { Standing } from './standing.ts'

/** What one instance consists of, for the transitions that it makes. */
export type Parts = {
  readonly context: Context
  readonly standing: Standing
  readonly engineSide: EngineSide
  readonly failures: Failures
  readonly footprint: Footprint
  readonly settings: CurrentSettings
}
