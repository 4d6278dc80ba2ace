import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dial, stage } from '../../src/edge/fixture.ts'
import type { Case } from './case.ts'
import { AFTER, AFTER_RECEIVED } from './case.ts'
import { corpus } from './corpus.ts'
import { expectAnswer, expectUpstream } from './expect.ts'
import { play } from './play.ts'
import { Recorder } from './recorder.ts'

for (const { title, cases } of corpus) {
  for (const each of cases) {
    test(`${title}: ${each.name} (${each.rfc})`, { timeout: 10_000 }, async t => {
      const upstream = new Recorder(each.app)
      t.after(() => upstream[Symbol.asyncDispose]())
      const { edge, port, app } = await stage(t, await upstream.listen())
      expectAnswer(...(await exchange(await dial(t, port), each)))
      await app.idle()
      const follower = await dial(t, port)
      assert.equal(await follower.write(AFTER).end(), AFTER_RECEIVED, 'the request that followed')
      await app.idle()
      // Only now nothing more can reach the app.
      await edge.close({ drain: 0 })
      await upstream.over()
      expectUpstream(upstream.records(), each.upstream)
    })
  }
}

/** All that the visitor of a case received, and what they should have. */
async function exchange(
  visitor: Awaited<ReturnType<typeof dial>>,
  { sent, answer, kept }: Case,
): Promise<[received: string, expected: Case['answer']]> {
  const unmet = await play(visitor, typeof sent === 'string' ? [{ write: sent }] : sent)
  assert.equal(unmet, undefined, `it never came; received ${JSON.stringify(visitor.received)}`)
  if (!kept) return [await visitor.end(), answer]
  const expected = [answer].flat()
  const last = expected.at(-1)
  assert(typeof last === 'string')
  await visitor.until(last.split('<now>').at(-1) ?? '')
  return [await visitor.write(AFTER).end(), [...expected, AFTER_RECEIVED]]
}
