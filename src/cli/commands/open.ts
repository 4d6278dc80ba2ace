import { spawn } from 'node:child_process'
import { Command } from 'commander'
import type { AppShape } from '../../api/shapes.ts'
import { appPath, Client } from '../client.ts'
import { examples } from '../examples.ts'
import { type Json, jsonOption } from '../options.ts'
import { print, printJson } from '../terminal.ts'

export function openCommand(): Command {
  return new Command('open')
    .description('Print an app’s address, and open it in the browser where there is a display.')
    .argument('<app>', 'the app’s name')
    .addOption(jsonOption('{"name", "url"} and open nothing,'))
    .addHelpText('after', examples(['open notes', 'print http://notes.localhost:8080 and open it']))
    .action(open)
}

async function open(app: string, { json }: Json): Promise<void> {
  const { name, url } = await new Client().get<AppShape>(appPath(app))
  if (json) return printJson({ name, url })
  print(url)
  const opener = findOpener()
  // Only what is an address for sure becomes an argument of another program.
  if (!opener || !/^https?:$/.test(URL.parse(url)?.protocol ?? '')) return
  const browser = spawn(opener, [url], { detached: true, stdio: 'ignore' })
  // Without such a program the printed address has to do.
  browser.on('error', () => {})
  browser.unref()
}

function findOpener(): string | undefined {
  if (process.platform === 'darwin') return 'open'
  return process.env['DISPLAY'] || process.env['WAYLAND_DISPLAY'] ? 'xdg-open' : undefined
}
