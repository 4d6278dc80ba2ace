import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { TlsConfig } from '../../config.ts'
import { silent } from '../../log.ts'
import { openCertificates } from './open.ts'
import { writePrivate } from './private-file.ts'
import { selfSigned } from './self-signed.ts'

const listen = { host: '127.0.0.1', port: 443 }

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'dormice-tls-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const open = (tls: TlsConfig | undefined, data = '/nonexistent') =>
  openCertificates({ tls, data }, silent, () => true)

test('without HTTPS there are no certificates', async () => {
  assert.equal(await open(undefined), undefined)
})

test('a folder without certificates ends the start with what is accepted', async t => {
  const folder = newFolder(t)
  const files: TlsConfig = { mode: 'files', folder, listen, hsts: undefined }
  await assert.rejects(open({ ...files, folder: join(folder, 'none') }), {
    name: 'ConfigError',
    message: /^DORMICE_TLS_FILES=".*none" cannot be used: there is no such folder; accepted: a folder/,
  })
  await assert.rejects(open(files), {
    name: 'ConfigError',
    message: /^DORMICE_TLS_FILES=".*" cannot be used: no certificate with a key is there; accepted: a folder/,
  })
  const { chain, key } = selfSigned({ names: ['a.test'] })
  writeFileSync(join(folder, 'a.crt'), chain)
  writeFileSync(join(folder, 'a.key'), key)
  assert.ok((await open(files))?.find('a.test'))
})

test('what one CA has issued is kept apart from what another has', async t => {
  const data = newFolder(t)
  const { chain, key } = selfSigned({ names: ['a.test'] })
  const from = (directory: string) =>
    open({ mode: 'auto', directory, email: undefined, listen, hsts: undefined }, data)

  await writePrivate(join(data, 'tls/ca.test-staging-directory/certificates/a.test.pem'), key + chain)

  assert.equal((await from('https://ca.test/staging/directory'))?.status().certificates.length, 1)
  assert.equal((await from('https://ca.test/directory'))?.status().certificates.length, 0)
})
