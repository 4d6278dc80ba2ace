import type { Socket } from 'node:net'

/** Who broke a tunnel off; undefined when both sides ended it in order. */
export type Breaker = 'visitor' | 'app' | undefined

/**
 * Joins two connections, bytes as they come, either way: with backpressure, and an end on one side passed on as an
 * end to the other, which may go on sending. An error or a reset on one side closes both.
 * @param halfOpen ms of silence after which a tunnel is closed that only one side has ended
 * @param ended called once, when both connections are closed
 */
export function tunnel(
  visitor: Socket,
  instance: Socket,
  halfOpen: number,
  ended: (breaker: Breaker) => void,
): void {
  let open = 2
  let breaker: Breaker
  const join = (from: Socket, to: Socket, side: Exclude<Breaker, undefined>) => {
    from.setNoDelay(true)
    from.setTimeout(0)
    from.on('error', ignore)
    from.on('timeout', () => from.destroy())
    from.once('end', () => {
      from.setTimeout(halfOpen)
      to.setTimeout(halfOpen)
    })
    from.once('close', hadError => {
      if (hadError || !from.readableEnded) {
        breaker ??= side
        to.destroy()
      }
      if (--open === 0) ended(breaker)
    })
    from.pipe(to)
  }
  join(visitor, instance, 'visitor')
  join(instance, visitor, 'app')
}

function ignore(): void {}
