import { Resolver } from 'node:dns'
import { existsSync, statfsSync } from 'node:fs'
import { totalmem } from 'node:os'
import { dirname, isAbsolute, resolve } from 'node:path'
import type { Eviction } from './apps/eviction.ts'
import { type Network, parseNetwork } from './networks.ts'
import { parseDuration, parseSize } from './releases/values.ts'

/** The host's settings: read once from the environment, frozen. Times in ms, sizes in bytes. */
export type Config = {
  /** Folder of the database, logs, uploads and keys; absolute. */
  data: string
  /** Address of the edge. */
  listen: { host: string; port: number }
  /** Apps are `<app>.<domain>`. Lower case. */
  domain: string
  /** Addresses of the DNS servers that are asked about custom domains; empty: the system's. */
  dns: readonly string[]
  /** Proxies in front of the edge, whose X-Forwarded-* headers are taken for true. */
  trust: readonly Network[]
  /** HTTPS; undefined: there is none. */
  tls: TlsConfig | undefined
  /** Where access records go: `off`, `stdout`, `file` (one in the data folder) or the absolute path of another. */
  accessLog: string
  /** Budget for all instances together, bytes. */
  memory: number
  /** How it is decided who yields when that does not suffice. */
  eviction: Eviction
  /** How many sandboxes lie ready at most, so that starts need not make one; 0: none. */
  sandboxes: number
  /** An app is asleep when no lease was out for this long, ms. */
  sleepAfter: number
  /** One that is idle for this long, ms, is frozen until then; undefined: none is. */
  freezeAfter: number | undefined
  /** How many layers an app's state may have before they are merged into one. */
  compactDepth: number
  /** How long after an app has fallen asleep its layers are copied to the data folder, ms. */
  copyAfter: number
  /** Bytes that all apps' snapshots on the engine and the copies in the data folder may have together. */
  disk: number
  /** Bytes of an export that is imported. */
  importMax: number
  upload: UploadLimits
  build: BuildLimits
}

/** Where certificates come from, and how they are served. */
export type TlsConfig = {
  /** Address of the edge for HTTPS. */
  listen: { host: string; port: number }
  /** Seconds for which browsers are told to come by HTTPS only; undefined: they are told nothing. */
  hsts: number | undefined
} & (
  | { mode: 'auto' /** URL of the CA's ACME directory. */; directory: string; email: string | undefined }
  | { mode: 'files' /** Folder of the certificates; absolute. */; folder: string }
)

/** What one build may use. */
export type BuildLimits = {
  /** Bytes, /tmp included. */
  memory: number
  /** ms. */
  timeout: number
}

/** Bounds of one upload. */
export type UploadLimits = {
  /** Bytes of the upload itself. */
  maxBytes: number
  maxEntries: number
  /** How many times larger than the upload its contents may be. */
  maxExpansion: number
}

type Environment = Readonly<Record<string, string | undefined>>

/** A wrong setting; the message is one line naming the variable, the value and what is accepted. */
export class ConfigError extends Error {
  override name = 'ConfigError'
}

/**
 * Reads the host's configuration from environment variables (see CONTRACT).
 * @throws {ConfigError} naming the variable, its value and what is accepted
 */
export function readConfig(env: Environment, defaults: { data: string }): Config {
  const data = resolve(env.DORMICE_DATA || defaults.data)
  const listen = read(
    env,
    'DORMICE_LISTEN',
    '127.0.0.1:8080',
    parseListen,
    'host:port, e.g. "127.0.0.1:8080"',
  )
  const memory = read(
    env,
    'DORMICE_MEMORY',
    String(Math.floor(totalmem() * 0.6)),
    parseBudget,
    'a size of at least 32m, e.g. "700m", "2g"',
  )
  const domain = read(
    env,
    'DORMICE_DOMAIN',
    'localhost',
    parseDomain,
    'a domain name, e.g. "apps.example.com"',
  )
  return Object.freeze({
    data,
    listen: Object.freeze(listen),
    domain,
    tls: Object.freeze(readTls(env, listen.host, domain)),
    dns: Object.freeze(
      read(
        env,
        'DORMICE_DNS',
        'system',
        parseServers,
        '"system", or addresses of DNS servers with commas between, e.g. "9.9.9.9,127.0.0.1:5353"',
      ),
    ),
    trust: Object.freeze(
      read(
        env,
        'DORMICE_TRUST',
        'none',
        parseNetworks,
        '"none", or addresses and networks of proxies with commas between, e.g. "127.0.0.1,10.0.0.0/8,fd00::/8"',
      ),
    ),
    accessLog: read(
      env,
      'DORMICE_ACCESS_LOG',
      'file',
      parseAccessLog,
      '"file" (in the data folder), "off", "stdout", or the path of a file, e.g. "/var/log/dormice/access.jsonl"',
    ),
    memory,
    eviction: read(env, 'DORMICE_EVICTION', 'weighed', parseEviction, '"weighed" or "lru"'),
    sandboxes: read(
      env,
      'DORMICE_SANDBOXES',
      String(defaultSandboxes(memory)),
      parseSandboxes,
      'a whole number of 0 (none) to 200',
    ),
    sleepAfter: read(
      env,
      'DORMICE_SLEEP_AFTER',
      '5m',
      positive(parseDuration),
      'a duration, e.g. "30s", "5m"',
    ),
    freezeAfter:
      read(env, 'DORMICE_FREEZE_AFTER', '30s', parseFreezeAfter, 'a duration, e.g. "30s", or "off"') ||
      undefined,
    compactDepth: read(env, 'DORMICE_COMPACT_DEPTH', '24', parseDepth, 'a whole number of 2 to 50'),
    copyAfter: read(
      env,
      'DORMICE_COPY_AFTER',
      '10s',
      positive(parseDuration),
      'a duration, e.g. "30s", "1m"',
    ),
    disk: read(env, 'DORMICE_DISK', String(defaultDisk(data)), positive(parseSize), 'a size, e.g. "20g"'),
    importMax: read(env, 'DORMICE_IMPORT_MAX', '8g', positive(parseSize), 'a size, e.g. "8g"'),
    upload: Object.freeze({
      maxBytes: read(env, 'DORMICE_UPLOAD_MAX', '512m', positive(parseSize), 'a size, e.g. "512m"'),
      maxEntries: read(env, 'DORMICE_UPLOAD_MAX_ENTRIES', '100000', parseCount, 'a whole number from 1 up'),
      maxExpansion: read(env, 'DORMICE_UPLOAD_MAX_EXPANSION', '50', parseCount, 'a whole number from 1 up'),
    }),
    build: Object.freeze({
      memory: read(
        env,
        'DORMICE_BUILD_MEMORY',
        String(defaultBuildMemory()),
        parseBudget,
        'a size of at least 32m, e.g. "1g"',
      ),
      timeout: read(
        env,
        'DORMICE_BUILD_TIMEOUT',
        '15m',
        parseBuildTimeout,
        'a duration of 1s to 24h, e.g. "15m"',
      ),
    }),
  })
}

const letsEncrypt = 'https://acme-v02.api.letsencrypt.org/directory'

function readTls(env: Environment, host: string, domain: string): TlsConfig | undefined {
  const mode = read(env, 'DORMICE_TLS', 'off', parseTlsMode, '"off", "auto" or "files"')
  if (mode === 'off') {
    refuseWithoutTls(env)
    return undefined
  }
  const listen = read(
    env,
    'DORMICE_TLS_LISTEN',
    `${host.includes(':') ? `[${host}]` : host}:443`,
    parseListen,
    'host:port, e.g. "0.0.0.0:443"',
  )
  const hsts = read(env, 'DORMICE_HSTS', 'off', parseHsts, '"off", or a duration of 1s and more, e.g. "365d"')
  const served = { listen: Object.freeze(listen), hsts: hsts === 0 ? undefined : hsts }
  if (mode === 'files') {
    const accepted = 'the folder of the certificates, absolute, e.g. "/etc/letsencrypt/live"'
    return { mode, folder: read(env, 'DORMICE_TLS_FILES', '', parseFolder, accepted), ...served }
  }
  const directory = read(
    env,
    'DORMICE_ACME_DIRECTORY',
    letsEncrypt,
    parseHttps,
    `the https URL of an ACME directory, e.g. "${letsEncrypt}"`,
  )
  if (directory === letsEncrypt && /(^|\.)localhost$/.test(domain)) {
    throw new ConfigError(
      `DORMICE_DOMAIN="${domain}" is not valid with DORMICE_TLS="auto"; accepted: a domain of yours, e.g. "apps.example.com", or a CA of your own in DORMICE_ACME_DIRECTORY`,
    )
  }
  const email = read(env, 'DORMICE_ACME_EMAIL', 'none', parseEmail, '"none", or e.g. "you@example.com"')
  return { mode, directory, email: email === 'none' ? undefined : email, ...served }
}

/** Whoever sets these believes that there is HTTPS. */
function refuseWithoutTls(env: Environment): void {
  for (const [name, mode] of Object.entries(ofTls)) {
    if (!env[name]) continue
    throw new ConfigError(
      `${name}="${env[name]}" means nothing while DORMICE_TLS is "off"; accepted: ${name} with DORMICE_TLS="${mode}", or neither`,
    )
  }
}

const ofTls = {
  DORMICE_TLS_FILES: 'files',
  DORMICE_TLS_LISTEN: 'auto" or "files',
  DORMICE_HSTS: 'auto" or "files',
  DORMICE_ACME_DIRECTORY: 'auto',
  DORMICE_ACME_EMAIL: 'auto',
}

function parseTlsMode(text: string): 'off' | TlsConfig['mode'] | undefined {
  return text === 'off' || text === 'auto' || text === 'files' ? text : undefined
}

/** Seconds; 0 for "off". */
function parseHsts(text: string): number | undefined {
  if (text === 'off') return 0
  const ms = parseDuration(text)
  return ms !== undefined && ms >= 1000 ? Math.floor(ms / 1000) : undefined
}

function parseFolder(text: string): string | undefined {
  return isAbsolute(text) ? text : undefined
}

function parseHttps(text: string): string | undefined {
  return URL.parse(text)?.protocol === 'https:' ? text : undefined
}

function parseEmail(text: string): string | undefined {
  return text === 'none' || /^[^\s@,?]+@[^\s@,?]+$/.test(text) ? text : undefined
}

function read<T>(
  env: Environment,
  name: string,
  fallback: string,
  parse: (text: string) => T | undefined,
  accepted: string,
): T {
  const text = env[name] || fallback
  const value = parse(text)
  if (value === undefined) throw new ConfigError(`${name}="${text}" is not valid; accepted: ${accepted}`)
  return value
}

function positive(parse: (text: string) => number | undefined): (text: string) => number | undefined {
  return text => {
    const value = parse(text)
    return value !== undefined && value > 0 ? value : undefined
  }
}

/** A timer of more than 24 days would end at once. */
function parseBuildTimeout(text: string): number | undefined {
  const ms = parseDuration(text)
  return ms !== undefined && ms >= 1000 && ms <= 24 * 3_600_000 ? ms : undefined
}

function parseDepth(text: string): number | undefined {
  const depth = parseCount(text)
  return depth !== undefined && depth >= 2 && depth <= 50 ? depth : undefined
}

/** ms; 0 for "off". */
function parseFreezeAfter(text: string): number | undefined {
  return text === 'off' ? 0 : positive(parseDuration)(text)
}

function parseEviction(text: string): Eviction | undefined {
  return text === 'weighed' || text === 'lru' ? text : undefined
}

function parseSandboxes(text: string): number | undefined {
  return text === '0' ? 0 : (parseCount(text) ?? 201) <= 200 ? parseCount(text) : undefined
}

function parseCount(text: string): number | undefined {
  return /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined
}

function parseBudget(text: string): number | undefined {
  const bytes = parseSize(text)
  return bytes !== undefined && bytes >= 32 * 1024 * 1024 ? bytes : undefined
}

/** What a sandbox that lies ready costs (its shim and what it holds it with), bytes. */
const sandboxBytes = 3 * 1024 * 1024

/** As many as take a twentieth of the budget. */
function defaultSandboxes(budget: number): number {
  return Math.min(Math.max(Math.floor(budget / 20 / sandboxBytes), 2), 128)
}

/** At most 2 GiB, and on a small machine half of what it has, so that a build leaves the running apps alone. */
function defaultBuildMemory(): number {
  return Math.min(2 * 1024 ** 3, Math.floor(totalmem() / 2))
}

/** Four fifths of the file system that the data folder is on. */
function defaultDisk(data: string): number {
  let folder = data
  while (!existsSync(folder)) folder = dirname(folder)
  const { blocks, bsize } = statfsSync(folder)
  return Math.floor(blocks * bsize * 0.8)
}

function parseServers(text: string): string[] | undefined {
  if (text === 'system') return []
  const servers = text.split(',').map(server => server.trim())
  try {
    new Resolver().setServers(servers)
  } catch {
    return undefined
  }
  return servers
}

function parseListen(text: string): Config['listen'] | undefined {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:\s]*)):(\d{1,5})$/.exec(text)
  if (!match || Number(match[3]) > 65_535) return undefined
  return { host: match[1] || match[2] || '0.0.0.0', port: Number(match[3]) }
}

function parseAccessLog(text: string): string | undefined {
  return ['file', 'off', 'stdout'].includes(text) || (isAbsolute(text) && !text.endsWith('/'))
    ? text
    : undefined
}

function parseNetworks(text: string): Network[] | undefined {
  if (text === 'none') return []
  const all = text.split(',').map(parseNetwork)
  return all.every(network => network !== undefined) ? all : undefined
}

function parseDomain(text: string): string | undefined {
  const domain = text.toLowerCase()
  return /^(?=.{1,200}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/.test(domain)
    ? domain
    : undefined
}
