import type { Command } from 'commander'
import { moveCommand } from '../move.ts'

export function wakeCommand(): Command {
  return moveCommand(
    'wake',
    'Start an app now and wait until it answers. Nobody needs to: the first request does the same.',
  )
}
