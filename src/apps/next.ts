import type { Release } from '../store/records.ts'

/** What an app is to be next: a release and a disk, made while the app sleeps, not yet its own. */
export type Next = {
  release: Release
  /** Image of the disk: the release's, or one with state on top. */
  image: string
  /** Bytes of all layers of that image. */
  size: number
  /** Resolves once the image is on disk, which the app need not wait for to start. */
  flushed: Promise<void>
  /** Makes it the app's, in one transaction of the store. */
  commit(): void
  /** It did not become ready: removes what was made for it. */
  discard(): Promise<void>
}
