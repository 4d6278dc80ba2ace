import { existsSync, globSync } from 'node:fs'

const BUNDLES = [
  process.env['SSL_CERT_FILE'],
  process.env['NODE_EXTRA_CA_CERTS'],
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/cert.pem',
]

/**
 * Path of this machine's bundle of certificate authorities. Containers get it because a proxy of the machine's
 * network may sign TLS connections with an authority that no distribution ships. Undefined when there is none.
 */
export function caBundlePath(): string | undefined {
  return BUNDLES.find(path => path !== undefined && path !== '' && existsSync(path))
}

/** Paths of the authorities that were added to this machine by hand, in the place Debian and Ubuntu keep them. */
export function localCaPaths(): string[] {
  return globSync('/usr/local/share/ca-certificates/**/*.crt').sort()
}
