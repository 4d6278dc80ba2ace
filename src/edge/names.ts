/**
 * A set of header names that is asked about names as they came off the wire, without making a lower-case copy of
 * each. Case is ignored, and `_` is `-`: apps behind CGI-like interfaces (WSGI) cannot tell the two apart, so
 * neither may a rule that keeps a header from being forged.
 */
export type NameSet = (name: string) => boolean

/** Names by their length: most headers are told from all of a few names by that alone. */
export function nameSet(...names: string[]): NameSet {
  const byLength: (string[] | undefined)[] = []
  for (const name of names) {
    const same = byLength[name.length]
    if (same) same.push(name)
    else byLength[name.length] = [name]
  }
  // A hole in the array would send every miss up its prototype chain.
  const table = Array.from(byLength, same => same ?? NONE)
  return name => {
    const candidates = name.length < table.length ? table[name.length] : undefined
    if (candidates === undefined || candidates === NONE) return false
    for (const candidate of candidates) if (isName(name, candidate)) return true
    return false
  }
}

const NONE: string[] = []

/** Whether a header's name, as it came, is this lower-case one. */
export function isName(name: string, lower: string): boolean {
  return name.length === lower.length && hasPrefix(name, lower)
}

/** Whether a header's name, as it came, begins with this lower-case text. */
export function hasPrefix(name: string, lower: string): boolean {
  if (name.length < lower.length) return false
  for (let i = 0; i < lower.length; i++) {
    const code = name.charCodeAt(i)
    const wanted = lower.charCodeAt(i)
    if (code === wanted) continue
    if (code >= UPPER_A && code <= UPPER_Z ? code + 32 !== wanted : code !== UNDERSCORE || wanted !== DASH)
      return false
  }
  return true
}

const UPPER_A = 0x41
const UPPER_Z = 0x5a
const UNDERSCORE = 0x5f
const DASH = 0x2d
