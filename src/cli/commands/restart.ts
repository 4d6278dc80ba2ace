import type { Command } from 'commander'
import { moveCommand } from '../move.ts'

export function restartCommand(): Command {
  return moveCommand(
    'restart',
    'Put an app to sleep and wake it again, so that new environment variables and settings apply. Requests wait meanwhile.',
  )
}
