/**
 * Tells whether a text is of a pattern in which `*` stands for any characters, none included. In time
 * proportional to the text, which is a stranger's, for each part of the pattern: a regular expression could
 * take far longer.
 */
export function glob(pattern: string): (text: string) => boolean {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return text => text === first
  return text => {
    if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last))
      return false
    let at = first.length
    for (const part of rest) {
      at = text.indexOf(part, at)
      if (at === -1) return false
      at += part.length
    }
    return at <= text.length - last.length
  }
}

/** Tells whether a text holds such a pattern, in any case. */
export function globWithin(pattern: string): (text: string) => boolean {
  const isOf = glob(`*${pattern.toLowerCase()}*`)
  return text => isOf(text.toLowerCase())
}
