import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HandApp } from './fixture.ts'
import { Sites } from './site.ts'

test('apps that are gone are forgotten once another is asked for the first time', () => {
  const apps = new Map<string, HandApp>()
  const sites = new Sites(app => apps.get(app))
  for (let n = 0; n < 100; n++) {
    apps.set(`preview-${n}`, new HandApp())
    assert.ok(sites.find(`preview-${n}`))
    apps.delete(`preview-${n}`)
  }
  assert.equal(sites.size, 1)
})

test('an app made anew under an old name begins anew', () => {
  let app = new HandApp()
  const sites = new Sites(() => app)
  const old = sites.find('app')
  assert.equal(sites.find('app'), old)
  app = new HandApp()
  assert.equal(sites.find('app')?.target, app)
  assert.equal(sites.size, 1)
})
