import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Log, silent } from '../../log.ts'
import { FileCertificates } from './files.ts'
import { selfSigned, type Wanted } from './self-signed.ts'

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'dormice-tls-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function write(chainFile: string, keyFile: string, wanted: Wanted): void {
  const { chain, key } = selfSigned(wanted)
  writeFileSync(chainFile, chain)
  writeFileSync(keyFile, key)
}

async function open(t: TestContext, folder: string, log: Log = silent): Promise<FileCertificates> {
  const certificates = new FileCertificates(folder, log)
  t.after(() => certificates[Symbol.asyncDispose]())
  await certificates.load()
  return certificates
}

/** A log, and what was warned of in it: an event and the file or folder it is about. */
function warnings(): { log: Log; warned: string[] } {
  const warned: string[] = []
  const warn: Log['warn'] = (event, fields) =>
    warned.push(`${event} ${fields?.['file'] ?? fields?.['folder']}`)
  return { log: { ...silent, warn }, warned }
}

test('a host gets the certificate that names it, before one with a wildcard', async t => {
  const folder = newFolder(t)
  write(join(folder, 'all.crt'), join(folder, 'all.key'), { names: ['*.example.com', 'example.com'] })
  write(join(folder, 'shop.pem'), join(folder, 'shop.key'), { names: ['shop.example.com'] })
  const certificates = await open(t, folder)
  assert.deepEqual(certificates.find('shop.example.com')?.names, ['shop.example.com'])
  assert.deepEqual(certificates.find('blog.example.com')?.names, ['*.example.com', 'example.com'])
  assert.deepEqual(certificates.find('example.com')?.names, ['*.example.com', 'example.com'])
})

test('a wildcard stands for one label and no more', async t => {
  const folder = newFolder(t)
  write(join(folder, 'all.crt'), join(folder, 'all.key'), { names: ['*.example.com'] })
  const certificates = await open(t, folder)
  for (const host of ['a.b.example.com', 'example.com', 'example.org', '', 'com']) {
    assert.equal(certificates.find(host), undefined, host)
  }
})

test('folders in the folder, as certbot leaves them, are read too', async t => {
  const folder = newFolder(t)
  mkdirSync(join(folder, 'example.com'))
  write(join(folder, 'example.com', 'fullchain.pem'), join(folder, 'example.com', 'privkey.pem'), {
    names: ['example.com'],
  })
  assert.ok((await open(t, folder)).find('example.com'))
})

test('of two certificates for a host the one that is good for longer is served', async t => {
  const folder = newFolder(t)
  const soon = Date.now() + 1_000_000
  write(join(folder, 'a.crt'), join(folder, 'a.key'), { names: ['a.test'], notAfter: soon * 1.1 })
  write(join(folder, 'b.crt'), join(folder, 'b.key'), { names: ['a.test'], notAfter: soon })
  const found = (await open(t, folder)).find('a.test')
  assert.ok(found && found.notAfter > soon)
})

test('a certificate that changed is read anew, be it by a link that leads elsewhere', async t => {
  const folder = newFolder(t)
  const [chain, key] = [join(folder, 'a.crt'), join(folder, 'a.key')]
  write(join(folder, 'old'), join(folder, 'old-key'), { names: ['old.test'] })
  write(join(folder, 'new'), join(folder, 'new-key'), { names: ['new.test'] })
  const point = (to: string) => {
    for (const file of [chain, key]) rmSync(file, { force: true })
    symlinkSync(join(folder, to), chain)
    symlinkSync(join(folder, `${to}-key`), key)
  }
  point('old')
  const certificates = await open(t, folder)
  point('new')
  await certificates.look()
  assert.equal(certificates.find('old.test'), undefined)
  assert.ok(certificates.find('new.test'))
})

test('what cannot be read any more leaves the certificate from before, and the status names the file', async t => {
  const folder = newFolder(t)
  const [chain, key] = [join(folder, 'a.crt'), join(folder, 'a.key')]
  write(chain, key, { names: ['a.test'] })
  const certificates = await open(t, folder)
  writeFileSync(key, selfSigned({ names: ['a.test'] }).key)
  await certificates.look()
  assert.ok(certificates.find('a.test'))
  const [failure] = certificates.status().failures
  assert.equal(failure?.subject, chain)
  assert.equal(failure?.detail, 'the key is not the certificate’s')
  write(chain, key, { names: ['a.test'] })
  await certificates.look()
  assert.deepEqual(certificates.status().failures, [])
})

test('a certificate whose files are taken away is served no longer', async t => {
  const folder = newFolder(t)
  write(join(folder, 'a.crt'), join(folder, 'a.key'), { names: ['a.test'] })
  write(join(folder, 'b.crt'), join(folder, 'b.key'), { names: ['b.test'] })
  const certificates = await open(t, folder)
  unlinkSync(join(folder, 'a.key'))
  await certificates.look()
  assert.equal(certificates.find('a.test'), undefined)
  assert.ok(certificates.find('b.test'))
})

test('a certificate without its key is a failure of its file, told once', async t => {
  const folder = newFolder(t)
  write(join(folder, 'b.crt'), join(folder, 'b.key'), { names: ['b.test'] })
  write(join(folder, 'a.crt'), join(folder, 'elsewhere'), { names: ['a.test'] })
  const { log, warned } = warnings()
  const certificates = await open(t, folder, log)
  await certificates.look()
  const [failure, ...others] = certificates.status().failures
  assert.equal(failure?.subject, join(folder, 'a.crt'))
  assert.equal(failure?.detail, 'there is no a.key beside it')
  assert.deepEqual(others, [])
  assert.deepEqual(warned, [`certificate_unreadable ${join(folder, 'a.crt')}`])
})

test('what lies beside certificates and is none for a host is no failure', async t => {
  const folder = newFolder(t)
  const live = join(folder, 'example.com')
  mkdirSync(live)
  write(join(live, 'fullchain.pem'), join(live, 'privkey.pem'), { names: ['example.com'] })
  write(join(live, 'cert.pem'), join(folder, 'a-key.pem'), { names: ['example.com'] })
  writeFileSync(join(folder, 'ca.crt'), selfSigned({ names: [] }).chain)
  assert.deepEqual((await open(t, folder)).status().failures, [])
})

test('that the last certificate is gone is told once', async t => {
  const folder = newFolder(t)
  write(join(folder, 'a.crt'), join(folder, 'a.key'), { names: ['a.test'] })
  const { log, warned } = warnings()
  const certificates = await open(t, folder, log)
  for (const file of ['a.crt', 'a.key']) unlinkSync(join(folder, file))
  await certificates.look()
  await certificates.look()
  assert.deepEqual(certificates.status(), { certificates: [], failures: [] })
  assert.deepEqual(warned, [`no_certificates ${folder}`])
})

test('a folder that cannot be read any more is a failure, told once; its certificates are served on', async t => {
  const folder = newFolder(t)
  write(join(folder, 'a.crt'), join(folder, 'a.key'), { names: ['a.test'] })
  const { log, warned } = warnings()
  const certificates = await open(t, folder, log)
  rmSync(folder, { recursive: true })
  await certificates.look()
  await certificates.look()
  assert.ok(certificates.find('a.test'))
  const [failure] = certificates.status().failures
  assert.deepEqual([failure?.subject, failure?.detail], [folder, 'there is no such folder'])
  assert.deepEqual(warned, [`certificates_unreadable ${folder}`])
  mkdirSync(folder)
  write(join(folder, 'a.crt'), join(folder, 'a.key'), { names: ['a.test'] })
  await certificates.look()
  assert.deepEqual(certificates.status().failures, [])
})

test('a folder without a usable certificate is refused with the reason', async t => {
  const folder = newFolder(t)
  await assert.rejects(open(t, folder), /no certificate with a key is there/)
  writeFileSync(join(folder, 'a.crt'), 'nothing')
  writeFileSync(join(folder, 'a.key'), 'nothing')
  await assert.rejects(open(t, folder), /a\.crt: the certificate is not a PEM certificate/)
  await assert.rejects(open(t, join(folder, 'missing')), /there is no such folder/)
})
