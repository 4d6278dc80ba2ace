import { Problem, type ProblemInit } from '../problem.ts'

/** What was to be an app's release does not build or start. Its sentence ends with what became of the app. */
export class ReleaseFailed extends Problem {
  readonly #init: ProblemInit

  /** @param init its `detail` says why, and nothing of the app, which is as it was before */
  constructor(init: ProblemInit) {
    super({ ...init, detail: `${init.detail}; the app is as it was before` })
    this.#init = init
  }

  /** The same of a first deploy, which leaves no app that could be as it was. */
  withoutApp(): Problem {
    return new Problem({ ...this.#init, detail: `${this.#init.detail}; no app was made` })
  }
}
