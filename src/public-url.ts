import type { CertificateSource } from './edge/tls/source.ts'

/** The ports by which visitors reach a host; `https` is undefined where there is no HTTPS. */
export type Ports = { http: number; https: number | undefined }

/**
 * Where visitors find a host. A host that no given certificate names is served over plain HTTP alone; with `auto` the
 * first visit obtains one.
 *
 * @param host lower case
 */
export function publicUrl(
  host: string,
  { http, https }: Ports,
  certificates?: Pick<CertificateSource, 'mode' | 'offers'>,
): string {
  if (https === undefined || (certificates?.mode === 'files' && !certificates.offers(host)))
    return `http://${host}${http === 80 ? '' : `:${http}`}`
  return `https://${host}${https === 443 ? '' : `:${https}`}`
}
