/** Where a build container has its package cache mounted; not part of any image. */
export const CACHE_PATH = '/cache'

/**
 * Where a build container finds this machine's bundle of certificate authorities (see `machine-ca.ts`), put there
 * anew for each build: the base image's own is as old as the base.
 */
export const CA_PATH = `${CACHE_PATH}/ca.pem`

/** Settings of the machine's package clients that builds need too, where they are given as environment. */
const PASSED_ON = [
  'npm_config_registry',
  'PIP_INDEX_URL',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
]

/**
 * Environment of build containers: package caches under {@link CACHE_PATH}, TLS that trusts {@link CA_PATH}, and
 * the machine's registry and proxy settings, unless one may hold a password: builds run strangers' code.
 */
export function buildEnv(machine: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const passedOn = PASSED_ON.flatMap(name => {
    const value = machine[name]
    return value === undefined || value.includes('@') ? [] : [[name, value] as const]
  })
  return {
    ...Object.fromEntries(passedOn),
    HOME: '/home/app',
    LANG: 'C.UTF-8',
    CI: 'true',
    NODE_EXTRA_CA_CERTS: CA_PATH,
    SSL_CERT_FILE: CA_PATH,
    REQUESTS_CA_BUNDLE: CA_PATH,
    PIP_CERT: CA_PATH,
    npm_config_cache: `${CACHE_PATH}/npm`,
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    npm_config_update_notifier: 'false',
    PIP_CACHE_DIR: `${CACHE_PATH}/pip`,
    PIP_DISABLE_PIP_VERSION_CHECK: '1',
    PIP_NO_INPUT: '1',
  }
}
