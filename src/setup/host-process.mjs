// How a host's Node is started; flags are in the Dockerfile too. Plain JavaScript: `bootstrap.mjs` needs it before there
// is Node 24.
import { homedir } from 'node:os'
import { join } from 'node:path'

/**
 * Bodies pass through it in buffers of 64 KiB: with less room for what is young, small garbage collections free them
 * and not large ones, which takes a sixth of the CPU time off a body of 100 KiB, and of the memory.
 */
export const hostFlags = ['--max-semi-space-size=8']

/**
 * Where compiled code is kept, as in `cli/main.ts`. Known to Node before its first file, it spares a host that has
 * started before what strips types: 18 MB.
 */
export const hostEnvironment = {
  NODE_COMPILE_CACHE: join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'dormice'),
}
