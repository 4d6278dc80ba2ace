import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/** Flushes the file systems to disk: the engine syncs its own metadata, not the files of layers. */
export async function flush(): Promise<void> {
  await execute('sync', { timeout: 120_000 })
}
