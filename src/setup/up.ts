import { connect } from '../engine/docker/client.ts'
import { ensureEngine, type FoundEngine } from './engine/ensure.ts'
import { ensureRuntimeImages, type RuntimeImages } from './images/runtime-images.ts'
import { type StepOutput, steps } from './steps.ts'

/** What a host, or a test, can count on. */
export type Prepared = { engine: FoundEngine; images: RuntimeImages }

const HOW: Record<FoundEngine['how'], string> = {
  running: '',
  started: ', started',
  installed: ', installed and started',
}

/**
 * Makes this machine ready for a host: a container engine that answers and the runtime images on it, each a
 * step printed to `out`. From then on this process and its children find that engine by `DOCKER_HOST`.
 *
 * @throws {Problem} whose one sentence says what to do
 */
export async function prepare(out: StepOutput = process.stdout): Promise<Prepared> {
  const print = steps(out)
  const engine = await print.run('engine', log => ensureEngine(log), describe)
  process.env['DOCKER_HOST'] = engine.dockerHost
  const images = await print.run('images', log => ensureRuntimeImages(connect(), { log }), listRuntimes)
  return { engine, images }
}

function describe({ version, dockerHost, how }: FoundEngine): string {
  return `Docker ${version} at ${dockerHost.replace(/^unix:\/\//, '')}${HOW[how]}`
}

function listRuntimes(images: RuntimeImages): string {
  return Object.keys(images)
    .filter(name => name !== 'base')
    .join(', ')
}
