import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

/** The kernel's folders as they would be, with these files. */
export function kernel(t: TestContext, files: Record<string, string>) {
  const root = mkdtempSync(join(tmpdir(), 'dormice-cgroup-'))
  t.after(() => rmSync(root, { recursive: true }))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(root, name, '..'), { recursive: true })
    writeFileSync(join(root, name), text)
  }
  const roots = { proc: join(root, 'proc'), cgroup: join(root, 'cgroup') }
  return { roots, read: (name: string) => readFileSync(join(root, name), 'utf8') }
}

/** Files of a memory cgroup of the first version. */
export const v1 = (folder: string) => ({
  [`${folder}/memory.usage_in_bytes`]: '5000\n',
  [`${folder}/memory.stat`]: 'cache 1\ninactive_file 7\ntotal_inactive_file 2000\n',
  [`${folder}/memory.force_empty`]: '',
})
/** Files of a cgroup of the second version. */
export const v2 = (folder: string, swapMax: string) => ({
  [`${folder}/memory.current`]: '5000\n',
  [`${folder}/memory.stat`]: 'anon 1\ninactive_file 2000\n',
  [`${folder}/memory.swap.max`]: `${swapMax}\n`,
  [`${folder}/memory.reclaim`]: '',
})
