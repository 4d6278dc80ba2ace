import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The file in a data folder that says where its host answers, for whoever looks for it. */
export function notedUrlFile(folder: string): string {
  return join(folder, 'url')
}

/** Where the host on a data folder answers, or did when it was killed; empty when it does not yet. */
export function notedUrl(folder: string): string {
  try {
    return readFileSync(notedUrlFile(folder), 'utf8').trim()
  } catch {
    return ''
  }
}
