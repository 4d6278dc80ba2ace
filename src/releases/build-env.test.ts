import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildEnv } from './build-env.ts'

test('builds get the machine’s registry and proxy, but never a password', () => {
  const env = buildEnv({
    npm_config_registry: 'https://registry.example/',
    HTTPS_PROXY: 'http://me:secret@proxy.example:3128',
    https_proxy: 'me:secret@proxy.example:3128',
    HTTP_PROXY: 'http://proxy.example:3128',
    MY_TOKEN: 'secret',
  })
  assert.equal(env['npm_config_registry'], 'https://registry.example/')
  assert.equal(env['HTTP_PROXY'], 'http://proxy.example:3128')
  assert.doesNotMatch(JSON.stringify(env), /secret/)
})
