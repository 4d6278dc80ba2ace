#!/usr/bin/env node
import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'

// Compiled code is kept from one call to the next: a third less time to start. In the user's own folder, because
// what lies in a shared /tmp could be put there by others. Where it cannot be written, nothing is kept.
enableCompileCache(join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'dormice'))
const { createProgram } = await import('./program.ts')
const { endWithReader } = await import('./readers.ts')
const { report } = await import('./report.ts')

const args = process.argv.slice(2)

endWithReader()

try {
  const program = await createProgram(args)
  await program.parseAsync(args, { from: 'user' })
} catch (error) {
  process.exitCode = report(error, { json: args.includes('--json') })
}
