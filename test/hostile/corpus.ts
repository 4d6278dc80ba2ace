import type { RefusalCode } from '../../src/releases/upload/refusals.ts'
import { BENIGN } from './benign.ts'
import { HOSTILE_BOMBS } from './hostile-bombs.ts'
import { HOSTILE_TARS } from './hostile-tars.ts'
import { HOSTILE_ZIPS } from './hostile-zips.ts'

/** An upload that has to be refused under the default limits. */
export type HostileUpload = {
  /** What is wrong with it; unique. */
  name: string
  code: RefusalCode
  status: 400 | 413 | 415
  /** Builds it; not kept, some are large. */
  bytes: () => Buffer
  filename?: string
  contentType?: string
  /** The refusal names no entry (`data.entry`): it is the archive that is wrong. */
  noEntry?: true
}

/** An upload that has to be accepted, and what it is repacked to under `app/`. */
export type BenignUpload = {
  name: string
  bytes: () => Buffer
  filename?: string
  contentType?: string
  format: 'tar' | 'tar.gz' | 'zip' | 'file'
  strip?: string
  /** In order, as `<type> <octal mode> <path>[ -> <target>]`; folders end with a slash. */
  repacked: readonly string[]
}

/** At least one for every refusal that looking at an upload can end in. */
export const HOSTILE: readonly HostileUpload[] = [...HOSTILE_TARS, ...HOSTILE_ZIPS, ...HOSTILE_BOMBS]

export { BENIGN }
