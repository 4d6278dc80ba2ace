import type { Labels } from '../engine.ts'

const prefix = 'dormice.'

/** Labels as the engine keeps them. */
export function writeLabels(labels: Labels): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).map(([key, value]) => [prefix + key, String(value)]))
}

/** Reads back what {@link writeLabels} wrote; an image built on one of ours carries its base's labels, overwritten. */
export function readLabels(labels: Readonly<Record<string, string>> | null | undefined): Labels {
  const read = (key: keyof Labels) => labels?.[prefix + key] ?? ''
  return {
    host: read('host'),
    role: read('role') as Labels['role'],
    app: read('app'),
    generation: Number(read('generation') || 0),
    release: Number(read('release') || 0),
  }
}

/** Filter of the engine's lists and events for what one host owns. */
export function ownedBy(host: string): { label: string[] } {
  return { label: [`${prefix}host=${host}`] }
}

const probe = `${prefix}probe`

/** Labels of an image that the engine is tried out with: the host's, but no app's. The purpose tells two apart. */
export function probeLabels(host: string, purpose: string): Record<string, string> {
  return { [`${prefix}host`]: host, [probe]: purpose }
}

/** Whether an image is one that the engine was tried out with. */
export function isProbe(labels: Readonly<Record<string, string>> | null | undefined): boolean {
  return labels?.[probe] !== undefined
}
