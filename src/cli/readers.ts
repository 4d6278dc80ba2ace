import { report } from './report.ts'

let outlived = false

/** A command ends when nobody reads its output any more: `dormice logs notes | head` is no failure of ours. */
export function endWithReader(): void {
  process.stdout.on('error', error => {
    if (outlived) return
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') process.exit(process.exitCode ?? 0)
    process.exit(report(error, { json: false }))
  })
}

/** A host goes on when whoever reads its output or its log has gone: others depend on it. */
export function outliveReaders(): void {
  outlived = true
  process.stderr.on('error', () => undefined)
}
