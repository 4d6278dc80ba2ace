import type Docker from 'dockerode'
import { bounded } from './client.ts'
import { manifestOf } from './image-config.ts'
import { load } from './load.ts'

/** Nothing has to be sent: the engine has just made all of the layers. */
const nothing = {
  has: () => false,
  size: () => 0,
  open(): never {
    throw new Error('nothing is sent')
  },
}

/**
 * Puts an image in the place of another: the same layers and configuration, without what the engine noted about
 * the container it came from. The tag moves to it. It is loaded from an archive that names the layers and leaves
 * their files out, which the engine takes from its own store.
 *
 * @param tag the image's only tag
 */
export async function scrub(docker: Docker, image: Docker.ImageInspectInfo, tag: string): Promise<void> {
  const manifest = manifestOf(image)
  await load(docker, { manifest, labels: image.Config?.Labels ?? {}, tag }, manifest.layers.length, nothing)
  await bounded('remove image', 60_000, () => docker.getImage(image.Id).remove())
}
