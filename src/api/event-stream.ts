import type { DeployEvent } from './shapes.ts'

/** Bytes that may wait for a slow reader before lines of the build's log are left out. */
const maxWaitingBytes = 1024 * 1024

/**
 * A body of one JSON line an event. A build prints faster than some clients read, and neither may it wait for them
 * nor the host keep it all: lines of its log are left out meanwhile, with a line that says how many. Steps and the
 * outcome never are.
 *
 * @param run sends the events and never rejects; what it sends once the reader has gone is dropped
 */
export function eventStream(
  run: (send: (event: DeployEvent) => void) => Promise<void>,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let open = true
  let leftOut = 0
  return new ReadableStream<Uint8Array>(
    {
      async start(controller) {
        const write = (event: DeployEvent) => controller.enqueue(encoder.encode(`${JSON.stringify(event)}\n`))
        await run(event => {
          if (!open) return
          if ('log' in event && (controller.desiredSize ?? 0) <= 0) {
            leftOut++
            return
          }
          if (leftOut > 0) write({ log: `… ${leftOut} lines left out: they came faster than they were read` })
          leftOut = 0
          write(event)
        })
        if (open) controller.close()
      },
      cancel() {
        open = false
      },
    },
    { highWaterMark: maxWaitingBytes, size: chunk => chunk?.byteLength ?? 0 },
  )
}
