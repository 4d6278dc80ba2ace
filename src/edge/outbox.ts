/** Something to be written to a visitor. */
export type Due = { writeOut(): void }

/**
 * What is to be written to visitors in one turn of the event loop, written at the turn's end, one after the other.
 * Most of what a small write costs is waking whoever reads it; in a row, the second one finds them awake.
 */
export class Outbox {
  #due: Due[] = []

  add(due: Due): void {
    if (this.#due.push(due) === 1) setImmediate(this.#writeOut)
  }

  readonly #writeOut = (): void => {
    const due = this.#due
    this.#due = []
    for (const each of due) each.writeOut()
  }
}
