import type Docker from 'dockerode'

/** Names of a container's secret variables, on itself: what is set for the app may have changed by its commit. */
const label = 'dormice.secrets'

/** The label that {@link secretsOf} reads back; none for no secrets. */
export function secretsLabel(names: readonly string[]): Record<string, string> {
  return names.length > 0 ? { [label]: names.join(' ') } : {}
}

/** Names of the variables that are secrets of a container, from its labels. */
export function secretsOf(labels: Readonly<Record<string, string>>): string[] {
  return (labels[label] ?? '').split(' ').filter(name => name !== '')
}

/**
 * Instructions that give a commit's secrets the values they have in the container's image. The engine merges the
 * container's environment into the image's and knows no way to leave a variable out; one that the image has not is
 * set to nothing.
 *
 * @param env the image's own, `KEY=value`
 */
export function withoutSecrets(names: readonly string[], env: readonly string[]): string[] {
  return names.map(name => {
    const value = env.find(entry => entry.startsWith(`${name}=`))?.slice(name.length + 1) ?? ''
    return `ENV ${name}="${/[\n\r]/.test(value) ? '' : value.replace(/[\\"$]/g, '\\$&')}"`
  })
}

/**
 * Engines before 26 write the whole configuration of the committed container, environment and all, into the
 * image beside its own (`container_config`), where no instruction of the commit reaches it. True when a secret is
 * there.
 *
 * @param env the container's, `KEY=value`
 */
export function holdsSecret(
  image: Docker.ImageInspectInfo,
  env: readonly string[],
  names: readonly string[],
): boolean {
  const secrets = env.filter(entry =>
    names.some(name => entry.startsWith(`${name}=`) && entry !== `${name}=`),
  )
  const found: readonly string[] = [...(image.ContainerConfig?.Env ?? []), ...(image.Config?.Env ?? [])]
  return secrets.some(secret => found.includes(secret))
}
