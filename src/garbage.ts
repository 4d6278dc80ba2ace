import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Bytes that the heap has to have grown by until it is looked whether they are needed. */
const worthwhile = 12 * 1024 * 1024
/** When it is first done, ms: a start goes on for some time after the first answer. */
const first = 10_000
/** How often this is done at most, ms: everything stands still for it, for some 40 ms. */
const interval = 5 * 60_000

/**
 * Gives back what the process does not need any more, while no visitor waits for anything. Left alone V8 does so when it
 * has grown to some bound: what is of use only for starting, 20 MB, would stay until then.
 */
export class Garbage {
  readonly #collect: () => void
  #due = first
  #floor = 0

  constructor(collect: () => void = collector()) {
    this.#collect = collect
  }

  /**
   * Called every now and then.
   *
   * @param isCalm no request runs, or waits for its app
   * @param now ms of a clock that only grows
   */
  sweep(isCalm: boolean, now: number): void {
    if (!isCalm || now < this.#due || heap() < this.#floor + worthwhile) return
    this.#collect()
    this.#floor = heap()
    this.#due = now + interval
  }
}

function heap(): number {
  return getHeapStatistics().total_heap_size
}

/** Node's own way to it is a flag, which an environment may not allow. */
function collector(): () => void {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc')
}
