import type { Theme } from './case.ts'
import { framing } from './cases/framing.ts'
import { host } from './cases/host.ts'
import { target } from './cases/target.ts'

/** Every case there is. */
export const corpus: readonly Theme[] = [target, host, framing]
