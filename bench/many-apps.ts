/** How many apps Dormice routes to in the benchmark of the edge. */
export const appCount = 1_000

/** An app's name; the first is the one that most cases are about. */
export function nameOf(app: number): string {
  return app === 0 ? 'app' : `app${app}`
}

/** The loopback address an app listens on: one of its own, as a container has. */
export function addressOf(app: number): string {
  return app === 0 ? '127.0.0.1' : `127.0.${1 + Math.floor(app / 250)}.${1 + (app % 250)}`
}
