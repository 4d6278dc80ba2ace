import type { TestHost } from '../test/support/host.ts'

/**
 * Makes many apps out of one that there is, one after the other.
 *
 * @returns their names
 */
export async function makeForks(
  host: TestHost,
  app: string,
  count: number,
  say: (line: string) => void,
  signal?: AbortSignal,
): Promise<string[]> {
  const names = Array.from({ length: count }, (_, n) => `${app}-${n}`)
  for (const [n, name] of names.entries()) {
    signal?.throwIfAborted()
    if (n % 10 === 0) say(`making app ${n + 1} of ${count}`)
    const { status, body } = await host.api('POST', `/v1/apps/${app}/fork`, { name })
    if (status !== 201) throw new Error(`${name} was not made: ${body}`)
  }
  return names
}
