import type { Socket } from 'node:net'
import type { Wire } from '../../src/edge/fixture.ts'
import type { Step } from './case.ts'

/** Goes through a script; resolves early, with what it still waited for, when the connection ends before. */
export async function play(wire: Wire, script: readonly Step[]): Promise<string | undefined> {
  for (const step of script) {
    if (step === 'end') wire.socket.end()
    else if (step === 'reset') reset(wire.socket)
    else if (step === 'ended') await wire.end()
    else if ('write' in step) wire.write(step.write)
    else {
      try {
        await wire.until(step.until)
      } catch {
        return step.until
      }
    }
  }
  return undefined
}

/** Only TCP has resets; for another connection its end has to do. */
function reset(socket: Socket): void {
  if (socket.remoteAddress === undefined) socket.destroy()
  else socket.resetAndDestroy()
}
