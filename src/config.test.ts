import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError, readConfig } from './config.ts'

const read = (env: Record<string, string> = {}) => readConfig(env, { data: '/var/lib/dormice' })

test('without any variable the defaults of the contract hold', () => {
  const config = read()
  assert.deepEqual(config.listen, { host: '127.0.0.1', port: 8080 })
  assert.equal(config.domain, 'localhost')
  assert.equal(config.data, '/var/lib/dormice')
  assert.equal(config.accessLog, 'file')
  assert.equal(config.sleepAfter, 300_000)
  assert.deepEqual(config.upload, { maxBytes: 512 * 1024 ** 2, maxEntries: 100_000, maxExpansion: 50 })
})

test('values are read as people write them', () => {
  const config = read({
    DORMICE_LISTEN: '[::1]:80',
    DORMICE_DOMAIN: 'Apps.Example.com',
    DORMICE_MEMORY: '700m',
    DORMICE_SLEEP_AFTER: '90s',
    DORMICE_TRUST: '127.0.0.1, fd00::/8',
    DORMICE_DNS: '9.9.9.9, 127.0.0.1:5353,[::1]:53',
  })
  assert.deepEqual(config.listen, { host: '::1', port: 80 })
  assert.equal(config.domain, 'apps.example.com')
  assert.equal(config.memory, 700 * 1024 ** 2)
  assert.equal(config.sleepAfter, 90_000)
  assert.deepEqual(config.dns, ['9.9.9.9', '127.0.0.1:5353', '[::1]:53'])
  assert.deepEqual(config.trust, [
    { address: '127.0.0.1', prefix: 32, family: 'ipv4' },
    { address: 'fd00::', prefix: 8, family: 'ipv6' },
  ])
})

test('a wrong value is refused by one line that names the variable, the value and what is accepted', () => {
  const wrong = {
    DORMICE_LISTEN: 'localhost',
    DORMICE_DOMAIN: 'a b',
    DORMICE_MEMORY: '7 apples',
    DORMICE_SLEEP_AFTER: '5',
    DORMICE_UPLOAD_MAX_ENTRIES: '0',
    DORMICE_BUILD_TIMEOUT: '30d',
    DORMICE_TRUST: '10.0.0.0/99',
    DORMICE_DNS: '9.9.9.9,dns.example.com',
    DORMICE_ACCESS_LOG: 'stderr',
    DORMICE_EVICTION: 'fifo',
  }
  for (const [name, value] of Object.entries(wrong)) {
    assert.throws(
      () => read({ [name]: value }),
      (error: Error) => {
        assert.ok(error instanceof ConfigError)
        assert.ok(error.message.startsWith(`${name}="${value}" is not valid; accepted: `), error.message)
        assert.ok(!error.message.includes('\n'))
        return true
      },
    )
  }
})

test('the configuration cannot be changed once it is read', () => {
  assert.throws(() => {
    ;(read() as { domain: string }).domain = 'other'
  }, TypeError)
})

test('HTTPS is off unless it is asked for, and then listens beside HTTP', () => {
  assert.equal(read().tls, undefined)
  const auto = read({ DORMICE_TLS: 'auto', DORMICE_DOMAIN: 'apps.example.com', DORMICE_LISTEN: '[::]:80' })
  assert.deepEqual(auto.tls, {
    mode: 'auto',
    directory: 'https://acme-v02.api.letsencrypt.org/directory',
    email: undefined,
    listen: { host: '::', port: 443 },
    hsts: undefined,
  })
  const files = read({ DORMICE_TLS: 'files', DORMICE_TLS_FILES: '/etc/certificates', DORMICE_HSTS: '30d' })
  assert.deepEqual(files.tls, {
    mode: 'files',
    folder: '/etc/certificates',
    listen: { host: '127.0.0.1', port: 443 },
    hsts: 30 * 86_400,
  })
})

test('a wrong setting of HTTPS is refused like any other', () => {
  const auto = { DORMICE_TLS: 'auto', DORMICE_DOMAIN: 'apps.example.com' }
  const wrong: [variable: string, value: string, others: Record<string, string>][] = [
    ['DORMICE_TLS', 'yes', {}],
    ['DORMICE_TLS_LISTEN', '443', auto],
    ['DORMICE_TLS_FILES', '', { DORMICE_TLS: 'files' }],
    ['DORMICE_TLS_FILES', 'certificates', { DORMICE_TLS: 'files' }],
    ['DORMICE_ACME_DIRECTORY', 'http://ca.example.com/', auto],
    ['DORMICE_ACME_EMAIL', 'nobody', auto],
    ['DORMICE_HSTS', '1', auto],
  ]
  for (const [name, value, others] of wrong) {
    assert.throws(() => read({ ...others, [name]: value }), {
      name: 'ConfigError',
      message: new RegExp(`^${name}="${value}" is not valid; accepted: `),
    })
  }
  assert.throws(() => read({ DORMICE_TLS: 'auto' }), /^ConfigError: DORMICE_DOMAIN="localhost" is not valid/)
})

test('settings of HTTPS without HTTPS are refused, and say what is missing', () => {
  assert.throws(() => read({ DORMICE_TLS_FILES: '/etc/certificates' }), {
    name: 'ConfigError',
    message:
      'DORMICE_TLS_FILES="/etc/certificates" means nothing while DORMICE_TLS is "off"; accepted: DORMICE_TLS_FILES with DORMICE_TLS="files", or neither',
  })
  assert.throws(() => read({ DORMICE_HSTS: '30d' }), /with DORMICE_TLS="auto" or "files", or neither$/)
})
