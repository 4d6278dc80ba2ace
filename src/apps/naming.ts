/** Name of an app's one container. The engine refuses a second one of the same name, which upholds I4. */
export function containerName(host: string, app: string): string {
  return `dormice-${host}-${app}`
}

/** Name of the container that builds an app's release; the dots keep it apart from every app's name. */
export function buildName(host: string, app: string): string {
  return `dormice-${host}.build.${app}`
}

/** Immutable tag of a release's image. */
export function releaseTag(host: string, app: string, number: number): string {
  return `dormice-${host}/${app}:r${number}`
}

/** Immutable tag of a snapshot's image. */
export function snapshotTag(host: string, app: string, number: number): string {
  return `dormice-${host}/${app}:s${number}`
}

/**
 * Immutable tag of a snapshot's image once its state layers are merged into one.
 *
 * @param attempt text that no other attempt has: of two that merge the same, each removes only its own
 */
export function compactedTag(host: string, app: string, number: number, attempt: string): string {
  return `${snapshotTag(host, app, number)}-${attempt}`
}

/**
 * Tag of an image that is made before it is known whether a snapshot will come of it.
 *
 * @param number the app's next snapshot's, so that no snapshot that is kept has the tag
 * @param what tells those apart that one operation makes
 */
export function aheadTag(host: string, app: string, number: number, what: string): string {
  return `${snapshotTag(host, app, number)}-${what}`
}

const reserved = new Set(['dormice', 'www', 'hooks'])

/** Whether the text can name an app; see CONTRACT. */
export function isAppName(text: string): boolean {
  return /^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/.test(text) && !reserved.has(text)
}
