import Docker from 'dockerode'

const docker = new Docker()

/** Removes everything that a host left on the engine, by label: containers, images, volumes. */
export async function removeAllOf(host: string): Promise<void> {
  const label = [`dormice.host=${host}`]
  await removeContainers(label)
  await removeImages(`dormice.host=${host}`)
  const { Volumes } = await docker.listVolumes({ filters: { label } })
  for (const { Name } of Volumes ?? []) await docker.getVolume(Name).remove()
  // What a host that was killed was just having made comes late.
  await removeContainers(label)
}

async function removeContainers(label: string[]): Promise<void> {
  const containers = await docker.listContainers({ all: true, filters: { label } })
  for (const { Id } of containers) await removeContainer(Id)
}

/** Removes a container; one that a host which was killed was just having removed is waited for. */
async function removeContainer(id: string): Promise<void> {
  const container = docker.getContainer(id)
  const gone = (error: { statusCode?: number }) => {
    if (error.statusCode !== 404) throw error
  }
  await container.remove({ force: true, v: true }).catch(error => {
    if (error.statusCode === 409) return container.wait({ condition: 'removed' }).catch(gone)
    return gone(error)
  })
}

/**
 * Removes the images with a label. One that others were committed on top of goes only after them, so rounds are
 * made until one finds nothing more to remove.
 */
export async function removeImages(label: string): Promise<void> {
  for (;;) {
    const images = await docker.listImages({ filters: { label: [label] } })
    const removed = await Promise.all(
      images.map(({ Id }) =>
        docker
          .getImage(Id)
          .remove({ force: true })
          .then(
            () => true,
            () => false,
          ),
      ),
    )
    if (!removed.includes(true)) return
  }
}
