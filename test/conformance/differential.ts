import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import pLimit from 'p-limit'
import { type Found, fromDebian } from '../../bench/debian.ts'
import { messageOf } from '../../src/problem.ts'
import type { Case, Rival } from './case.ts'
import { compare, type Difference, isFault, renderDifferences } from './compare.ts'
import { corpus } from './corpus.ts'
import { type Front, startDormice, startHaproxy, startNginx } from './fronts.ts'
import { type Observation, observe } from './observe.ts'
import { Recorder } from './recorder.ts'

const usage = `usage: npm run conformance [-- options]
  sends every case of test/conformance/ to Dormice, nginx and HAProxy and shows where they differ in the
  classes of the answers or in how many whole requests the app saw; ends with 1 when a difference has no
  reason, or a reason no difference
  --only <text>  cases whose name holds this
  --json         one JSON object as the last line`

/** Wrong usage: its message says what is accepted. */
class UsageError extends Error {}

type Named = { title: string; each: Case }
type Starter = (folder: string, upstreams: readonly { host: string; port: number }[]) => Promise<Front>

/** Cases at a time. They wait more than they work. */
const concurrency = 12

function say(line: string): void {
  process.stderr.write(`… ${line}\n`)
}

/** Sends all cases to one proxy, which is started and ended for it. */
async function observeAll(
  cases: readonly Named[],
  start: Starter,
): Promise<{ front: string; seen: Observation[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'dormice-conformance-'))
  const recorders = cases.map(({ each }) => new Recorder(each.app))
  try {
    const upstreams = await Promise.all(recorders.map(recorder => recorder.listen()))
    await using front = await start(folder, upstreams)
    say(`${cases.length} cases to ${front.name} ${front.version}`)
    const limit = pLimit(concurrency)
    const seen = cases.map(({ each }, index) =>
      limit(() => observe(each, front.addresses[index]!, recorders[index]!)),
    )
    return { front: `${front.name} ${front.version}`, seen: await Promise.all(seen) }
  } finally {
    await Promise.all(recorders.map(recorder => recorder[Symbol.asyncDispose]()))
    await rm(folder, { recursive: true, force: true })
  }
}

async function find(command: string, packageName: string): Promise<Found> {
  const found = await fromDebian(command, packageName, say)
  if ('absent' in found) throw new Error(`${command} is needed: ${found.absent}`)
  return found
}

/** Resolves with the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const { only, json, help } = readArguments(args)
  if (help) {
    console.log(usage)
    return 0
  }
  const all = corpus.flatMap(({ title, cases }) => cases.map(each => ({ title, each })))
  const cases = all.filter(({ title, each }) => `${title}: ${each.name}`.includes(only))
  if (cases.length === 0) throw new UsageError(`--only ${only}: no case is called so`)
  const nginx = await find('nginx', 'nginx-light')
  const haproxy = await find('haproxy', 'haproxy')
  const others: Record<Rival, Starter> = {
    nginx: (folder, upstreams) => startNginx(nginx, folder, upstreams),
    haproxy: (folder, upstreams) => startHaproxy(haproxy, folder, upstreams),
  }
  const dormice = await observeAll(cases, (_, upstreams) => startDormice(upstreams))
  const differences: Difference[] = []
  const fronts = [dormice.front]
  for (const proxy of ['nginx', 'haproxy'] as const) {
    const { front, seen } = await observeAll(cases, others[proxy])
    fronts.push(front)
    for (const [index, named] of cases.entries()) {
      const difference = compare(named, proxy, dormice.seen[index]!, seen[index]!)
      if (difference) differences.push(difference)
    }
  }
  const faults = differences.filter(isFault)
  for (const line of renderDifferences(differences)) console.log(line)
  console.log(`\n${cases.length} cases, ${fronts.join(', ')}`)
  console.log(`${differences.length} differences, ${faults.length} faults`)
  if (json) console.log(JSON.stringify({ cases: cases.length, fronts, differences, faults: faults.length }))
  return faults.length === 0 ? 0 : 1
}

/** @throws {UsageError} */
function readArguments(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        only: { type: 'string', default: '' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values
  } catch (error) {
    throw new UsageError(messageOf(error).split('. ')[0])
  }
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  console.error(error instanceof UsageError ? `${error.message}\n\n${usage}` : error)
  process.exitCode = error instanceof UsageError ? 2 : 1
}
