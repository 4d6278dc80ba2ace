import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Services } from './services.ts'
import { tlsRoutes } from './tls.ts'

/** The hosts that are told to be without a certificate, where there are the apps `notes` and `shop`. */
async function unnamed(mode: 'auto' | 'files', ...named: string[]): Promise<string[]> {
  const services = {
    context: { config: { domain: 'apps.test' } },
    apps: { all: () => [{ name: 'notes' }, { name: 'shop' }] },
    domains: { verified: () => ['cafe.test', 'www.cafe.test'] },
    tls: {
      mode,
      offers: (host: string) => named.includes(host),
      status: () => ({ certificates: [], failures: [] }),
    },
  }
  const response = await tlsRoutes(services as unknown as Services).request('/v1/tls')
  return ((await response.json()) as { unnamed: string[] }).unnamed
}

test('the host’s own name, its apps as a whole and verified domains are told when no given certificate names them', async () => {
  const all = ['dormice.apps.test', '*.apps.test', 'cafe.test', 'www.cafe.test']
  assert.deepEqual(await unnamed('files'), all)
  assert.deepEqual(await unnamed('files', ...all), [])
  assert.deepEqual(await unnamed('files', 'dormice.apps.test', '*.apps.test', 'cafe.test'), ['www.cafe.test'])
})

test('apps that each have a certificate need none for all of them', async () => {
  const hosts = ['dormice.apps.test', 'cafe.test', 'www.cafe.test', 'notes.apps.test']
  assert.deepEqual(await unnamed('files', ...hosts), ['*.apps.test'])
  assert.deepEqual(await unnamed('files', ...hosts, 'shop.apps.test'), [])
})

test('where certificates are obtained no host is without', async () => {
  assert.deepEqual(await unnamed('auto'), [])
})
