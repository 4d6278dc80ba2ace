import { execFileSync } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { type DebianMirror, debianMirror } from './debian-mirror.ts'

/** What of this machine's apt configuration its images need in order to install packages as it does. */
export type MachineApt = {
  mirror: DebianMirror
  /** Lines for a file in `apt.conf.d`: proxies, and leniency with the dates of a frozen mirror. */
  options: readonly string[]
}

const CARRIED = /^Acquire::(?:(?:http|https)::Proxy|Check-Valid-Until|Check-Date) "[^"@]+";$/

/** Reads this machine's apt configuration. A proxy with a password in its address is left out: images are readable. */
export function machineApt(): MachineApt {
  const read = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8') : '')
  const sources = ['/etc/apt/sources.list', ...globSync('/etc/apt/sources.list.d/*.{list,sources}').sort()]
  return {
    mirror: debianMirror(read('/etc/os-release'), sources.map(read)),
    options: aptConfig().filter(line => CARRIED.test(line)),
  }
}

function aptConfig(): string[] {
  try {
    return execFileSync('apt-config', ['dump'], { encoding: 'utf8', timeout: 10_000 }).split('\n')
  } catch {
    return []
  }
}
