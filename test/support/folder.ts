import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'

const folders: string[] = []
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** An empty folder that is gone when the file's tests have ended. @param purpose is part of its name */
export function newFolder(purpose: string): string {
  const folder = mkdtempSync(join(tmpdir(), `dormice-${purpose}-`))
  folders.push(folder)
  return folder
}
