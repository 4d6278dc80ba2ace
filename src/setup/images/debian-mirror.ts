/** Where Debian packages come from. */
export type DebianMirror = { main: string; security: string }

const PUBLIC: DebianMirror = {
  main: 'http://deb.debian.org/debian',
  security: 'http://deb.debian.org/debian-security',
}

/** The Debian release that the runtimes are made of. */
export const SUITE = 'bookworm'

/**
 * The mirror that this machine itself uses, read from its apt sources, so that a machine behind a local mirror
 * needs nothing else. The public one where the machine is no Debian or its sources are of another kind.
 *
 * @param osRelease text of `/etc/os-release`
 * @param sources texts of `/etc/apt/sources.list` and of the files in `sources.list.d`
 */
export function debianMirror(osRelease: string, sources: readonly string[]): DebianMirror {
  if (!/^ID="?debian"?$/m.test(osRelease)) return PUBLIC
  const codename = /^VERSION_CODENAME="?([a-z]+)"?$/m.exec(osRelease)?.[1]
  if (codename === undefined) return PUBLIC
  const entries = sources.flatMap(text => (/^Types:/m.test(text) ? stanzas(text) : lines(text)))
  const mirrorOf = (suite: string) =>
    entries.find(({ uri, suites }) => suites.includes(suite) && /^https?:\/\/[^@]+$/.test(uri))?.uri
  return {
    main: mirrorOf(codename) ?? PUBLIC.main,
    security: mirrorOf(`${codename}-security`) ?? PUBLIC.security,
  }
}

/** The lines of a `sources.list` for a mirror. */
export function sourcesList({ main, security }: DebianMirror): string[] {
  return [
    `deb ${main} ${SUITE} main`,
    `deb ${main} ${SUITE}-updates main`,
    `deb ${security} ${SUITE}-security main`,
  ]
}

type Source = { uri: string; suites: readonly string[] }

/** One-line style: `deb [options] uri suite components…`. */
function lines(text: string): Source[] {
  return [...text.matchAll(/^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s/gm)].map(match => ({
    uri: trimmed(match[1]),
    suites: [match[2] ?? ''],
  }))
}

/** deb822 style: stanzas of `Key: value`, parted by empty lines. */
function stanzas(text: string): Source[] {
  return text.split(/\n\s*\n/).flatMap(stanza => {
    if (/^Enabled:\s*no/im.test(stanza)) return []
    const suites = (/^Suites:\s*(.+)$/m.exec(stanza)?.[1] ?? '').trim().split(/\s+/)
    const uris = (/^URIs:\s*(.+)$/m.exec(stanza)?.[1] ?? '').trim().split(/\s+/)
    return uris.map(uri => ({ uri: trimmed(uri), suites }))
  })
}

function trimmed(uri: string | undefined): string {
  return (uri ?? '').replace(/\/+$/, '')
}
