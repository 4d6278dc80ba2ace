import { Command } from 'commander'
import type { AppShape, RestoredShape } from '../../api/shapes.ts'
import { appPath, Client } from '../client.ts'
import { examples } from '../examples.ts'
import { type Json, jsonOption } from '../options.ts'
import { print, printJson, remark, style } from '../terminal.ts'
import { count } from '../units.ts'

type Restored = RestoredShape & { app: string }

export function restoreCommand(): Command {
  return new Command('restore')
    .description(
      'Bring back images that the container engine lost, e.g. to `docker image prune -a`, from the copies in the data folder. An app whose image is missing is also restored when it wakes; this does it now, for its older snapshots too.',
    )
    .argument('[app]', 'the app’s name; without it, every app')
    .addOption(jsonOption('{"apps": [{"app", "restored", "missing"}]}'))
    .addHelpText(
      'after',
      examples(['restore', 'every app'], ['restore notes', 'one app'], ['restore --json', 'for scripts']),
    )
    .action(restore)
}

async function restore(only: string | undefined, { json }: Json): Promise<void> {
  const client = new Client()
  const names = only === undefined ? await allApps(client) : [only]
  const apps: Restored[] = []
  for (const app of names) {
    const answer = await client.call<RestoredShape>(appPath(app, 'restore'), { method: 'POST' })
    apps.push({ app, ...answer })
    if (!json) show({ app, ...answer })
  }
  if (json) printJson({ apps })
  else if (apps.length === 0) remark('No apps yet, so nothing is missing.')
  if (apps.some(({ missing }) => missing.length > 0)) process.exitCode = 1
}

async function allApps(client: Client): Promise<string[]> {
  const { apps } = await client.get<{ apps: AppShape[] }>('/v1/apps')
  return apps.map(({ name }) => name)
}

function show({ app, restored, missing }: Restored): void {
  const ok = style('green', '✓', process.stdout)
  if (restored.length > 0) {
    print(`${ok} ${app}: ${count(restored.length, 'image')} brought back (${points(restored)})`)
  } else if (missing.length === 0) print(`${ok} ${app}: nothing was missing`)
  if (missing.length === 0) return
  const bad = style('red', '✗', process.stdout)
  print(
    `${bad} ${app}: ${points(missing)} cannot be brought back: neither on the engine nor in the data folder`,
  )
}

/** `r1, s12` of the images’ tags. */
function points(images: readonly string[]): string {
  return images.map(image => image.slice(image.lastIndexOf(':') + 1)).join(', ')
}
