import { Problem } from '../problem.ts'
import type { Plan } from './runtime.ts'

/** An image has no command, and nothing else says what to run; an image comes without a dormice.json. */
export function noCommand(runtime: Plan['runtime']): Problem {
  const remedy =
    runtime === 'image'
      ? 'deploy an image that has one, or upload a folder with a Dockerfile that sets one'
      : 'set one, or "start" in dormice.json'
  return new Problem({
    code: 'no_command',
    status: 422,
    detail: `the image has neither ENTRYPOINT nor CMD, so there is nothing to run; ${remedy}`,
  })
}
