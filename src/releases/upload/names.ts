import type { ArchiveLimits } from './limits.ts'
import { type RefusalCode, refusal } from './refusals.ts'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * A name's text.
 * @throws {Problem} `name_not_utf8`
 */
export function decodeName(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes)
  } catch {
    throw refusal('name_not_utf8', { entry: Buffer.from(bytes).toString('latin1') })
  }
}

/**
 * The components of a path inside the upload, `.` and empty ones left out; none for the folder itself (`./`).
 * @throws {Problem} `name_*` or `path_*`
 */
export function pathComponents(name: string, limits: ArchiveLimits): string[] {
  const code = badText(name, limits) ?? badPath(name)
  if (code) throw refusal(code, { entry: name })
  const components = name.split('/').filter(part => part !== '' && part !== '.')
  for (const part of components) {
    if (part === '..') throw refusal('path_traversal', { entry: name })
    if (Buffer.byteLength(part) > limits.maxComponentBytes) throw refusal('name_too_long', { entry: name })
  }
  return components
}

/** A symbolic link's target, `.` and `name/..` resolved. */
export type LinkTarget = {
  /** How many folders it goes up, from the folder that holds the link. */
  up: number
  /** Where it goes down from there. */
  down: string[]
}

/**
 * Reads a symbolic link's target. `..` only ever stands at the start of the result: a path that goes down first
 * could go down through another link, and up again from wherever that leads.
 * @param entry name of the link, for the error
 * @returns undefined when the target is absolute
 * @throws {Problem} `name_*` or `path_backslash`, `path_drive`
 */
export function linkTarget(target: string, entry: string, limits: ArchiveLimits): LinkTarget | undefined {
  const code = badText(target, limits)
  if (code) throw refusal(code, { entry, more: 'Meant is the target of the link.' })
  if (target.startsWith('/')) return undefined
  const down: string[] = []
  let up = 0
  for (const part of target.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') down.push(part)
    else if (down.pop() === undefined) up++
  }
  return { up, down }
}

function badText(text: string, limits: ArchiveLimits): RefusalCode | undefined {
  if (text === '') return 'name_empty'
  if (text.includes('\0')) return 'name_nul'
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\u0000-\u001f\u007f-\u009f]/.test(text)) return 'name_control'
  if (!text.isWellFormed()) return 'name_not_utf8'
  if (/^[A-Za-z]:/.test(text)) return 'path_drive'
  if (text.includes('\\')) return 'path_backslash'
  if (Buffer.byteLength(text) > limits.maxNameBytes) return 'name_too_long'
  return undefined
}

function badPath(name: string): RefusalCode | undefined {
  return name.startsWith('/') ? 'path_absolute' : undefined
}
