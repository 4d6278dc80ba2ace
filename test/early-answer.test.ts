import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { createApi } from '../src/api/api.ts'
import type { Services } from '../src/api/services.ts'
import type { Context } from '../src/apps/context.ts'
import { dial, stage } from '../src/edge/fixture.ts'
import { silent } from '../src/log.ts'

const services = { context: { log: silent } as Context, version: '1' } as Services

test('an upload that is answered early is taken in until its end, and its connection goes on', async t => {
  const { port } = await stage(t, undefined, { control: createApi(services) })
  const client = await dial(t, port)
  const head = 'POST /nowhere HTTP/1.1\r\nHost: dormice.localhost\r\nContent-Length: 4\r\n\r\n'
  await client.write(`${head}a`).until('unknown_path')
  // Longer than the HTTP adapter itself would have taken it in for.
  for (const byte of 'bc') {
    await setTimeout(400)
    client.write(byte)
  }
  await setTimeout(400)
  await client.write('dGET /healthz HTTP/1.1\r\nHost: dormice.localhost\r\n\r\n').until('"status":"ok"')
})
