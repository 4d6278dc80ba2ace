import type { Command } from 'commander'
import { moveCommand } from '../move.ts'

export function sleepCommand(): Command {
  return moveCommand(
    'sleep',
    'Put an app to sleep now. Requests that it is answering are finished first; everything that it wrote is kept.',
  )
}
