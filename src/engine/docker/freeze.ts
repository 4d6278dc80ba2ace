import type Docker from 'dockerode'
import { bounded, reasonOf, statusOf } from './client.ts'

/** Stops a running container's processes where they are; no error when they are already. */
export function freeze(docker: Docker, id: string): Promise<void> {
  return refusal(
    /already paused/,
    bounded('freeze container', 20_000, () => docker.getContainer(id).pause()),
  )
}

/** Lets a frozen container go on; no error when it is not frozen. */
export function thaw(docker: Docker, id: string): Promise<void> {
  return refusal(
    /is not paused/,
    bounded('thaw container', 20_000, () => docker.getContainer(id).unpause()),
  )
}

/** Runs while a container that runs is frozen; one that has ended meanwhile is as still. */
export async function whileFrozen<T>(docker: Docker, id: string, run: () => Promise<T>): Promise<T> {
  await refusal(/is not running/, freeze(docker, id))
  try {
    return await run()
  } finally {
    await thaw(docker, id)
  }
}

/** Engines say "already there" as a conflict or, older ones, as a failure of their own: the sentence tells. */
async function refusal(harmless: RegExp, call: Promise<unknown>): Promise<void> {
  await call.catch(error => {
    if (statusOf(error) === undefined || !harmless.test(reasonOf(error))) throw error
  })
}
