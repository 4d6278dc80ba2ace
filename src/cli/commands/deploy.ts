import { relative } from 'node:path'
import { Command } from 'commander'
import type { AppShape, SnapshotShape } from '../../api/shapes.ts'
import { Problem } from '../../problem.ts'
import { checkName, suggestName } from '../app-name.ts'
import { appPath, Client } from '../client.ts'
import { deploy } from '../deploy.ts'
import { nameOf, readSource, type Source } from '../deploy-source.ts'
import { examples } from '../examples.ts'
import { interruptible } from '../interrupt.ts'
import { invocation } from '../invocation.ts'
import { jsonOption } from '../options.ts'
import { stateBefore } from '../points.ts'
import { print, printJson, remark } from '../terminal.ts'

type Options = { name?: string; fresh?: boolean; image?: string; json?: boolean }

export function deployCommand(): Command {
  return new Command('deploy')
    .description(
      'Put a folder online, or a single .js, .ts, .mjs or .py file, an archive, or an image. A new name makes a new app, a known one gets a new release; if that does not build or start, the app goes on as it was. Files that the app wrote are kept; where the upload has changed one, the upload wins. What .gitignore and .dormiceignore name is left out.',
    )
    .argument('[path]', 'folder or file', undefined)
    .option('-n, --name <app>', 'the app’s name; without it, that of the folder, file or image')
    .option('--image <reference>', 'deploy this image, e.g. nginx:1.27, and no folder')
    .option('--fresh', 'start without the files that the app wrote; a snapshot keeps them')
    .addOption(jsonOption('{"release", "url"}'))
    .addHelpText(
      'after',
      examples(
        ['deploy', 'this folder'],
        ['deploy ./my-app', 'http://my-app.localhost:8080'],
        ['deploy server.py --name api', 'one file, as “api”'],
        ['deploy --image nginx:1.27 --name web', 'an image'],
      ),
    )
    .action(run)
}

async function run(path: string | undefined, { name, fresh = false, image, json }: Options): Promise<void> {
  const source = readSource(path, image)
  const app = name === undefined ? suggestName(nameOf(source)) : checkName(name)
  const client = new Client()
  // Also shows before anything is packed that the host is there and takes the token.
  const release = await currentRelease(client, app)
  remark(`${show(source)} → ${app}, ${release === undefined ? 'a new app' : `which has release ${release}`}`)
  const list = () => snapshots(client, app)
  const before = release === undefined ? [] : await list()
  const first = release === undefined
  const deployed = await interruptible(signal => deploy(client, { app, source, fresh, first, signal }))
  if (json) printJson(deployed)
  else print(deployed.url)
  if (release === undefined) return
  const after = await list()
  const held = stateBefore({ release, snapshots: before }, after)
  if (!held) return
  const undo = invocation('rollback', app, `s${held.number}`)
  remark(
    after.some(({ current }) => current)
      ? `What ${app} has written is kept. Undo the deploy: ${undo}`
      : `What ${app} had written is in snapshot s${held.number}. Back to it and to release ${held.release}: ${undo}`,
  )
}

/** The app's snapshots; none where they cannot be had, which is no reason for a deploy to fail. */
async function snapshots(client: Client, app: string): Promise<SnapshotShape[]> {
  const path = appPath(app, 'snapshots')
  const { snapshots } = await client
    .get<{ snapshots: SnapshotShape[] }>(path)
    .catch(() => ({ snapshots: [] }))
  return snapshots
}

async function currentRelease(client: Client, app: string): Promise<number | undefined> {
  try {
    return (await client.get<AppShape>(appPath(app))).release ?? undefined
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return undefined
    throw error
  }
}

/** The source as a user would type it. */
function show(source: Source): string {
  if (source.kind === 'image') return source.reference
  const from = relative(process.cwd(), source.path)
  return from === '' ? '.' : from.startsWith('..') ? source.path : from
}
