import type { Domain } from '../store/records.ts'

const second = 1_000
const day = 24 * 60 * 60 * second
/** How long after a domain was shown its twin is looked at in the background; later, when somebody asks. */
const twinTime = 7 * day

/**
 * How long until a name is looked at again: a quarter of the time that is past, so that who has just made
 * their record waits seconds, and a name that nobody cares for costs four looks a day.
 */
function pause(age: number): number {
  return Math.min(Math.max(age / 4, 30 * second), day / 4)
}

/**
 * When a domain, or its twin, is looked at again, epoch ms; undefined when neither is waited for.
 *
 * @param lookedAt when it was last; undefined: not since the start
 */
export function nextLook(
  { createdAt, proof, verifiedAt, twinProof }: Domain,
  { lookedAt, now, hasTwin }: { lookedAt: number | undefined; now: number; hasTwin: boolean },
): number | undefined {
  const since = proof === null ? createdAt : (verifiedAt ?? createdAt)
  const waits = proof === null || (hasTwin && twinProof === null && now < since + twinTime)
  if (!waits) return undefined
  // A look to come is of a clock that was set back since.
  if (lookedAt === undefined || lookedAt > now) return now
  return lookedAt + pause(lookedAt - since)
}
