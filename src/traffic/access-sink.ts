import { join } from 'node:path'
import type { Config } from '../config.ts'
import type { Sink } from './access-log.ts'
import { RotatingFile } from './rotating-file.ts'

/** Bytes of one of the two files. */
const maxFileBytes = 16 * 1024 * 1024

/** Where the access log goes, as `DORMICE_ACCESS_LOG` says; undefined: nowhere. */
export function accessSink({ accessLog, data }: Pick<Config, 'accessLog' | 'data'>): Sink | undefined {
  if (accessLog === 'off') return undefined
  if (accessLog === 'stdout') return stdoutSink()
  return new RotatingFile(
    accessLog === 'file' ? join(data, 'access', 'access.jsonl') : accessLog,
    maxFileBytes,
  )
}

function stdoutSink(): Sink {
  // Whoever read it may have gone; the write that fails says so as well.
  process.stdout.on('error', () => undefined)
  return {
    write: lines =>
      new Promise((done, failed) => {
        process.stdout.write(lines, error => (error ? failed(error) : done()))
      }),
    async close() {},
  }
}
