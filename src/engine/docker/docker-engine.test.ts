import assert from 'node:assert/strict'
import { test } from 'node:test'
import type Docker from 'dockerode'
import { NotFound } from '../engine.ts'
import { DockerEngine } from './docker-engine.ts'

const refused = (statusCode: number, message: string) => Object.assign(new Error(message), { statusCode })

test('a network that was pruned while every app slept is made again for the container that needs it', async () => {
  const calls: string[] = []
  const docker = {
    listNetworks: async () => [],
    info: async () => ({ DockerRootDir: '/var/lib/docker' }),
    createNetwork: async ({ Name }: { Name: string }) => calls.push(`make ${Name}`),
    getContainer: () => ({
      start: async () => {
        calls.push('start')
        if (calls.length === 1) throw refused(404, 'network dormice not found')
      },
    }),
  }
  await new DockerEngine('host', { docker: docker as unknown as Docker }).run('id')
  assert.deepEqual(calls, ['start', 'make dormice', 'start'])
})

test('a container that is not there is told as that', async () => {
  const docker = {
    getContainer: () => ({
      start: async () => {
        throw refused(404, 'No such container: id')
      },
    }),
  }
  await assert.rejects(new DockerEngine('host', { docker: docker as unknown as Docker }).run('id'), NotFound)
})

test('a container that is just being removed is looked at once it is gone', async () => {
  let gone = false
  const docker = {
    getContainer: () => ({
      inspect: async () => {
        if (gone) throw refused(404, 'No such container: id')
        return { State: { Status: 'removing', ExitCode: 137 } }
      },
      wait: async ({ condition }: { condition?: string }) => {
        if (condition === 'removed') gone = true
      },
    }),
  }
  const engine = new DockerEngine('host', { docker: docker as unknown as Docker })
  await assert.rejects(engine.container('id'), NotFound)
  gone = false
  await assert.rejects(engine.wait('id'), NotFound)
})
