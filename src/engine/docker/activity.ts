import type Docker from 'dockerode'
import { NotFound } from '../engine.ts'
import { bounded } from './client.ts'
import { inspect } from './containers.ts'
import { countOutbound, socketTables } from './sockets.ts'

/**
 * See `Engine.cpuTime`. An engine that was asked less than a second ago may answer only when that is over.
 *
 * @throws {NotFound} it does not run
 */
export async function cpuTime(docker: Docker, id: string): Promise<number | undefined> {
  const stats = await bounded('read CPU time', 20_000, () =>
    docker.getContainer(id).stats({ stream: false, 'one-shot': true }),
  )
  // The zero of the engine's times: it measured nothing.
  if (stats.read.startsWith('0001-')) throw new NotFound(`container ${id} does not run`)
  // No process starts without any: it is not counted where the engine may not use cgroups.
  return stats.cpu_stats.cpu_usage.total_usage / 1e6 || undefined
}

/** See `Engine.outbound`. @throws {NotFound} it does not run */
export async function outbound(docker: Docker, id: string): Promise<number | undefined> {
  const { Id, State } = await inspect(docker, id)
  if (!State.Running) throw new NotFound(`container ${id} does not run`)
  const tables = await socketTables({ id: Id, pid: State.Pid })
  return tables && countOutbound(tables)
}
