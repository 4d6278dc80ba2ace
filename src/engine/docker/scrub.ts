import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import type Docker from 'dockerode'
import { pack } from 'tar-stream'
import { bounded } from './client.ts'
import { readProgress } from './progress.ts'

/**
 * Puts an image in the place of another: the same layers and configuration, without what the engine noted about
 * the container it came from. The tag moves to it. It is loaded from an archive that names the layers and leaves
 * their files out, which the engine takes from its own store.
 *
 * @param tag the image's only tag
 */
export async function scrub(docker: Docker, image: Docker.ImageInspectInfo, tag: string): Promise<void> {
  const layers = image.RootFS.Layers ?? []
  const config = JSON.stringify({
    architecture: image.Architecture,
    os: image.Os,
    created: image.Created,
    config: image.Config,
    rootfs: { type: 'layers', diff_ids: layers },
    history: layers.map(() => ({ created: image.Created })),
  })
  const name = `${createHash('sha256').update(config).digest('hex')}.json`
  const manifest = [{ Config: name, RepoTags: [tag], Layers: layers.map((_, n) => `${n}/layer.tar`) }]
  const archive = pack()
  archive.entry({ name }, config)
  archive.entry({ name: 'manifest.json' }, JSON.stringify(manifest))
  archive.finalize()
  await bounded('load image', 120_000, async () => {
    await readProgress(await docker.loadImage(Readable.from(archive), { quiet: true }))
  })
  await bounded('remove image', 60_000, () => docker.getImage(image.Id).remove())
}
