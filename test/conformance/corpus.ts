import type { Theme } from './case.ts'
import { answers } from './cases/answers.ts'
import { brokenAnswers } from './cases/broken-answers.ts'
import { chunks } from './cases/chunks.ts'
import { connections } from './cases/connections.ts'
import { forwarding } from './cases/forwarding.ts'
import { framing } from './cases/framing.ts'
import { headerLines } from './cases/header-lines.ts'
import { host } from './cases/host.ts'
import { information } from './cases/information.ts'
import { limits } from './cases/limits.ts'
import { target } from './cases/target.ts'
import { upgrades } from './cases/upgrades.ts'

/** Every case there is. */
export const corpus: readonly Theme[] = [
  target,
  host,
  headerLines,
  forwarding,
  framing,
  chunks,
  information,
  connections,
  answers,
  brokenAnswers,
  upgrades,
  limits,
]
