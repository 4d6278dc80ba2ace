/**
 * The host as `dormice serve` starts it, but for a step hook that does what the harness ordered: nothing of this is
 * within reach of a production host. File descriptor 3 is the line to the harness: each step that is reached is a
 * line; `hold` is a step that waits for a byte to come back.
 */
import { readSync, writeSync } from 'node:fs'
import type { Step } from '../src/apps/steps.ts'
import { hostConfig } from '../src/cli/foreground.ts'
import { connect } from '../src/engine/docker/client.ts'
import { startHost } from '../src/host.ts'
import { createLog } from '../src/log.ts'
import { messageOf } from '../src/problem.ts'
import { caBundlePath } from '../src/setup/images/machine-ca.ts'
import { ensureRuntimeImages, runtimeImages } from '../src/setup/images/runtime-images.ts'
import type { Order } from './order.ts'

const line = 3
/** How often it is looked whether a held step may go on, ms. */
const look = 5

let order: Order | undefined = process.env['FAULTS_ORDER']
  ? JSON.parse(process.env['FAULTS_ORDER'])
  : undefined
let reached = 0

process.on('message', message => {
  order = (message as { order: Order | null }).order ?? undefined
  reached = 0
  process.send?.('ordered')
})
// An order must not keep a host from ending, and a host whose harness is gone is of no use.
process.channel?.unref()
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))

function onStep(step: Step): void {
  writeSync(line, `${step}\n`)
  if (order?.step !== step || ++reached !== order.nth) return
  if (order.action === 'kill') process.kill(process.pid, 'SIGKILL')
  else hold()
}

/** Stops the whole process here, as nothing asynchronous could. */
function hold(): void {
  writeSync(line, 'hold\n')
  const still = new Int32Array(new SharedArrayBuffer(4))
  for (;;) {
    try {
      readSync(line, Buffer.alloc(1))
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      Atomics.wait(still, 0, 0, look)
    }
  }
}

const log = createLog()
const config = hostConfig()
const runtimes = await ensureRuntimeImages(connect(), {
  log: text => log.info('runtime_images', { text }),
}).catch(error => {
  log.error('runtime_images_missing', { error: messageOf(error) })
  return runtimeImages()
})
const host = await startHost({ config, runtimes, caBundle: caBundlePath(), log, onStep })
process.once('SIGTERM', async () => {
  try {
    await host[Symbol.asyncDispose]()
  } catch (error) {
    log.error('shutdown_failed', { error: messageOf(error) })
    process.exitCode = 1
  }
})
