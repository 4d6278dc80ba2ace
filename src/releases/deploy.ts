import { join } from 'node:path'
import type { Readable } from 'node:stream'
import pLimit from 'p-limit'
import type { Apps } from '../apps/apps.ts'
import type { Context } from '../apps/context.ts'
import { isAppName, releaseTag } from '../apps/naming.ts'
import { ReleaseFailed } from '../apps/release-failed.ts'
import { EngineUnavailable, type Image, type Labels } from '../engine/engine.ts'
import { messageOf, Problem } from '../problem.ts'
import { Carrying, without } from '../snapshots/carrying.ts'
import { refuseIfFull } from '../snapshots/disk.ts'
import type { Release, ReleaseFiles, ReleaseSpec, Snapshot } from '../store/records.ts'
import { badName } from './bad-name.ts'
import { type Builder, build, buildFromImage } from './build.ts'
import { BuildLog, buildLogPath } from './build-log.ts'
import { detectPlan } from './detect.ts'
import { checkImageReference } from './image-reference.ts'
import type { Manifest } from './manifest.ts'
import { noCommand } from './no-command.ts'
import type { Plan } from './runtime.ts'
import { receiveUpload } from './upload/receive.ts'
import { repackUpload } from './upload/repack.ts'
import { scanUpload } from './upload/scan.ts'

/** How far a deploy has come, for whoever waits for it. */
export type Progress = {
  step(step: 'received' | 'detected' | 'building' | 'switching', detail: string): void
  /** A line of the build's output. */
  log(line: string): void
}

export type UploadOptions = {
  /** Drop what the app wrote itself. */
  fresh: boolean
  /** File name and media type the caller gave, for uploads of a single file. */
  filename?: string | undefined
  contentType?: string | undefined
}

/** Owner of everything until accounts exist. */
const account = 'admin'

/** What makes a release's image, once the release has a number. */
type Maker = (
  release: { tag: string; labels: Labels },
  log: BuildLog,
) => Promise<{ image: Image; spec: ReleaseSpec; files: ReleaseFiles }>

/** Turns uploads and images into releases, and releases into what the app runs. */
export class Deployer {
  readonly #context: Context
  readonly #apps: Apps
  readonly #builder: Builder
  /** A build takes all cores and much memory: two at a time, the others wait. */
  readonly #builds = pLimit(2)

  constructor(context: Context, apps: Apps, builder: Builder) {
    this.#context = context
    this.#apps = apps
    this.#builder = builder
  }

  /**
   * Deploys an upload: receive, check, detect, build, switch. Until the switch nothing of the app changes.
   * When the signal aborts before the switch, the deploy is given up.
   *
   * @throws {Problem} saying what was wrong with the upload, the build or the start
   */
  async upload(
    app: string,
    body: Readable,
    options: UploadOptions,
    progress: Progress,
    signal: AbortSignal,
  ): Promise<Release> {
    using _turn = this.#begin(app)
    await refuseIfFull(this.#context, app)
    const { config } = this.#context
    const limits = config.upload
    await using upload = await receiveUpload(body, {
      dir: join(config.data, 'uploads'),
      maxBytes: limits.maxBytes,
      signal,
    })
    this.#context.step('deploy.received')
    const scan = await scanUpload(upload.path, { limits, signal, ...options })
    progress.step('received', `${scan.files.paths.size} files, ${upload.bytes} bytes`)
    const { plan, manifest } = detectPlan(scan.files)
    this.#refuseTooMuchMemory(manifest)
    progress.step('detected', plan.runtime)
    return await this.#deploy(app, options, progress, signal, async (release, log) => {
      progress.step(
        'building',
        plan.build ?? (plan.runtime === 'dockerfile' ? 'Dockerfile' : 'nothing to build'),
      )
      const hashes = new Map<string, string>()
      const files = (target: { prefix: string; uid: number; gid: number }) =>
        repackUpload(upload.path, scan, { ...target, hashes })
      const image = await build(this.#builder, { app, plan, files, account, ...release }, log, signal)
      const source = { kind: 'upload' as const, sha256: upload.sha256, bytes: upload.bytes }
      return { image, spec: toSpec(plan, manifest, image, source), files: hashes }
    })
  }

  /** Deploys an image that is on the engine or that a registry gives. */
  async image(
    app: string,
    reference: string,
    options: { fresh: boolean },
    progress: Progress,
    signal: AbortSignal,
  ): Promise<Release> {
    checkImageReference(reference)
    using _turn = this.#begin(app)
    return await this.#deploy(app, options, progress, signal, async ({ tag, labels }, log) => {
      progress.step('building', `image ${reference}`)
      const image = await buildFromImage(this.#builder, { reference, app, tag, labels }, log, signal)
      if (image.volumes.length > 0) {
        log.line(
          `note: the image declares ${image.volumes.join(', ')} as volumes: what is written there is not kept`,
        )
      }
      const plan: Plan = { runtime: 'image', build: undefined, start: undefined, port: undefined, env: {} }
      return { image, spec: toSpec(plan, {}, image, { kind: 'image', reference }), files: new Map() }
    })
  }

  async #deploy(
    app: string,
    { fresh }: { fresh: boolean },
    progress: Progress,
    signal: AbortSignal,
    make: Maker,
  ): Promise<Release> {
    const { store, engine, config, now, log, step } = this.#context
    await this.#apps.whenSettled(signal)
    const known = store.app(app)
    if (known?.deletedAt) throw beingDeleted(app)
    const number = store.nextRelease(app)
    const tag = releaseTag(store.hostId, app, number)
    const labels: Labels = { host: store.hostId, role: 'release', app, generation: 0, release: number }
    try {
      // From here on a crash leaves an app without a release, which the next start deletes with what was made for it.
      store.createApp(app, now())
      this.#apps.instance(app)
      await using buildLog = await BuildLog.open(buildLogPath(config.data, app, number), progress.log)
      const { image, spec, files } = await this.#builds(() => make({ tag, labels }, buildLog))
      signal.throwIfAborted()
      step('deploy.built')
      const { size, layers } = image
      const release: Release = {
        app,
        number,
        createdAt: now(),
        image: tag,
        spec,
        size,
        layers: layers.length,
      }
      store.createApp(app, now())
      const instance = this.#apps.instance(app)
      await using carrying =
        fresh || spec.state === 'discard'
          ? undefined
          : await Carrying.begin(this.#context, instance, { release, files })
      signal.throwIfAborted()
      progress.step('switching', `release ${number}`)
      await instance.goOnAs('deploy', async was => {
        step('deploy.asleep')
        const commit = (snapshot?: Snapshot) => {
          step('deploy.started')
          store.promote(release, files, snapshot)
          step('deploy.promoted')
        }
        if (!carrying) return without(release, commit)
        const next = await carrying.next(was, 'carried', commit)
        step('deploy.carried')
        return next
      })
      log.info('released', { app, release: number, runtime: spec.runtime })
      return release
    } catch (error) {
      // Whatever went wrong after the switch: the image of the current release stays (I5).
      if (store.app(app)?.release !== number) {
        await engine
          .removeImage(tag)
          .catch(again => log.warn('image_not_removed', { tag, error: messageOf(again) }))
      }
      // The first deploy failed: there is no app yet. Where the engine is away it stays without a release, for the next
      // deploy or the next start: a deletion that cannot end would refuse that deploy.
      const away = error instanceof EngineUnavailable
      if (away || store.app(app)?.release !== null) throw error
      await this.#apps.delete(app)
      throw error instanceof ReleaseFailed ? error.withoutApp() : error
    }
  }

  /** It could never be woken. @throws {Problem} 422 `invalid_manifest` */
  #refuseTooMuchMemory({ memory = 0 }: Manifest): void {
    const { budget } = this.#context.keeper
    if (memory <= budget) return
    throw new Problem({
      code: 'invalid_manifest',
      status: 422,
      detail: `dormice.json: memory: ${memory} bytes is more than the host's budget of ${budget} bytes (DORMICE_MEMORY)`,
    })
  }

  /** One deploy of an app at a time. */
  #begin(app: string): Disposable {
    if (!isAppName(app)) throw badName(app)
    const claim = this.#apps.claim(app)
    if (claim) return claim
    throw new Problem({
      code: 'deploy_in_progress',
      status: 409,
      detail: `another deploy of ${app} is running, or it is being rolled back, forked, exported or made; wait for it to end`,
      retryAfter: 5,
    })
  }
}

function toSpec(plan: Plan, manifest: Manifest, image: Image, source: ReleaseSpec['source']): ReleaseSpec {
  const strange = plan.runtime === 'image' || plan.runtime === 'dockerfile'
  const command = plan.start ?? image.command
  if (command.length === 0) throw noCommand(plan.runtime)
  const { $schema, runtime, build: _, start, port, health, state, ...settings } = manifest
  return {
    runtime: plan.runtime,
    command,
    port: plan.port ?? (strange ? image.ports[0] : undefined) ?? 8080,
    env: plan.env,
    confinement: strange ? 'image' : 'confined',
    health,
    // A site writes nothing, and would publish what an app wrote that it takes the place of.
    state: state ?? (plan.runtime === 'static' ? 'discard' : 'keep'),
    settings,
    source,
  }
}

function beingDeleted(app: string): Problem {
  return new Problem({
    code: 'being_deleted',
    status: 409,
    detail: `${app} is being deleted; try again in a moment`,
    retryAfter: 2,
  })
}
