import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Found, libraryPath, unpackDebian } from '../../bench/debian.ts'

/**
 * A Python that has the module of a Debian package; both are unpacked to the user's cache where they are not installed.
 *
 * @param packageName as `python3-websockets`
 * @throws {Error} whose one sentence says what is missing
 */
export async function pythonWith(packageName: string): Promise<Found> {
  const say = (line: string) => console.error(`… ${line}`)
  const installed = '/usr/bin/python3'
  const unpacked = await unpackDebian(packageName, say)
  if ('absent' in unpacked) throw new Error(`This test needs ${unpacked.absent}.`)
  const { root } = unpacked
  const modules = { PYTHONPATH: join(root, 'usr/lib/python3/dist-packages'), PYTHONDONTWRITEBYTECODE: '1' }
  if (existsSync(installed)) return { path: installed, env: modules }
  const version = (await readdir(join(root, 'usr/bin'))).find(name => /^python3\.\d+$/.test(name))
  if (version === undefined) throw new Error(`This test needs Python 3, which ${packageName} did not bring.`)
  const env = { ...modules, PYTHONHOME: join(root, 'usr'), ...(await libraryPath(root)) }
  return { path: join(root, 'usr/bin', version), env }
}
