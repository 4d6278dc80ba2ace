import assert from 'node:assert/strict'
import { test } from 'node:test'
import type Docker from 'dockerode'
import { ensureRuntimeImages, runtimeImages } from './runtime-images.ts'

/** An engine that has these images and notes what is asked of it. */
function engineWith(images: { Id: string; RepoTags: string[] }[]) {
  const calls: string[] = []
  const engine = {
    listImages: async () => {
      calls.push('list')
      return images
    },
    getImage: (reference: string) => ({
      tag: async ({ repo, tag }: { repo: string; tag: string }) =>
        void calls.push(`tag ${reference} ${repo}:${tag}`),
    }),
  }
  return { docker: engine as unknown as Docker, calls }
}

const latestOf = (reference: string) => `${reference.split(':')[0]}:latest`

test('when all images are there the engine is asked one question', async () => {
  const wanted = Object.values(runtimeImages())
  const { docker, calls } = engineWith(wanted.map(name => ({ Id: name, RepoTags: [name, latestOf(name)] })))
  assert.deepEqual(await ensureRuntimeImages(docker, { log: assert.fail }), runtimeImages())
  assert.deepEqual(calls, ['list'])
})

test('a floating name that points elsewhere is moved to the wanted image', async () => {
  const wanted = runtimeImages()
  const others = Object.values(wanted).filter(name => name !== wanted.node)
  const { docker, calls } = engineWith([
    ...others.map(name => ({ Id: name, RepoTags: [name, latestOf(name)] })),
    { Id: 'new', RepoTags: [wanted.node] },
    { Id: 'old', RepoTags: ['dormice/runtime-node:000000000000', 'dormice/runtime-node:latest'] },
  ])
  await ensureRuntimeImages(docker, { log: assert.fail })
  assert.deepEqual(calls, ['list', `tag ${wanted.node} dormice/runtime-node:latest`])
})

test('images are named by their recipe', () => {
  for (const [name, reference] of Object.entries(runtimeImages())) {
    assert.match(reference, new RegExp(`^dormice/runtime-${name}:[0-9a-f]{12}$`))
  }
})
