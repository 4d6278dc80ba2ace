import { createRequire, Module } from 'node:module'

/*
 * dockerode without what it loads for builds by BuildKit (gRPC) and for engines that are reached by SSH: 10 MB that
 * few hosts ever need. Each is loaded when it is first called.
 */
const require = createRequire(import.meta.url)
const requireOfDockerode = createRequire(require.resolve('dockerode'))

/** @param file of a CommonJS module that exports one function */
function loadWhenCalled(file: string): void {
  const standIn = new Module(file)
  standIn.loaded = true
  standIn.exports = (...args: unknown[]) => {
    if (require.cache[file] === standIn) delete require.cache[file]
    return require(file)(...args)
  }
  require.cache[file] ??= standIn
}

loadWhenCalled(require.resolve('dockerode/lib/session.js'))
loadWhenCalled(requireOfDockerode.resolve('docker-modem/lib/ssh.js'))

export const Docker = require('dockerode') as typeof import('dockerode')
