import type { Command } from 'commander'
import { moveCommand } from '../move.ts'

export function freezeCommand(): Command {
  return moveCommand(
    'freeze',
    'Stop an app where it is and give its memory back: the next request has it go on in milliseconds. An app that is in use is refused.',
  )
}
