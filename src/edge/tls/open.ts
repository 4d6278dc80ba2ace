import { join } from 'node:path'
import { type Config, ConfigError } from '../../config.ts'
import type { Log } from '../../log.ts'
import { messageOf } from '../../problem.ts'
import { acmeIssuer } from './acme.ts'
import { AutoCertificates } from './auto.ts'
import { FileCertificates } from './files.ts'
import type { CertificateSource } from './source.ts'

/**
 * The certificates that the settings ask for; undefined when they ask for none.
 *
 * @param serves whether a host, lower case, is served here
 * @throws {ConfigError} there are no certificates where they should be
 */
export async function openCertificates(
  { tls, data }: Pick<Config, 'tls' | 'data'>,
  log: Log,
  serves: (host: string) => boolean,
): Promise<CertificateSource | undefined> {
  if (!tls) return undefined
  if (tls.mode === 'files') {
    const files = new FileCertificates(tls.folder, log)
    await files.load().catch(error => {
      throw new ConfigError(
        `DORMICE_TLS_FILES="${tls.folder}" cannot be used: ${messageOf(error)}; accepted: a folder of certificates with their keys, as NAME.crt and NAME.key, or as fullchain.pem and privkey.pem in a folder each`,
      )
    })
    return files
  }
  const { directory, email } = tls
  // What one CA has issued, a test one perhaps, is not taken for another's.
  const folder = join(data, 'tls', directory.replace(/^https:\/\//, '').replace(/[^a-zA-Z0-9.-]+/g, '-'))
  const challenges = new Map<string, string>()
  const certificates = new AutoCertificates({
    folder,
    log,
    serves,
    issue: acmeIssuer({ directory, email, folder, challenges }),
    challenge: token => challenges.get(token),
  })
  await certificates.load()
  return certificates
}
