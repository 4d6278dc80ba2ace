import type { Manifest } from './manifest.ts'

/** What an upload holds, as detection sees it: paths relative to the app's folder, no leading `./`. */
export type UploadFiles = {
  /** Every regular file's path. */
  paths: ReadonlySet<string>
  /** Text of a small root-level file that detection may read (see `DETECTION_FILES`), if the upload has it. */
  text(path: string): string | undefined
}

/** Root-level files whose text the scan of an upload keeps (each at most 256 KiB). */
export const DETECTION_FILES: ReadonlySet<string> = new Set([
  'dormice.json',
  'Procfile',
  'package.json',
  'requirements.txt',
  'pyproject.toml',
  'Dockerfile',
])

/** How an upload becomes a release and how the release runs. */
export type Plan = {
  runtime: 'node' | 'python' | 'static' | 'image' | 'dockerfile'
  /** Shell command of the build, run as the app's user in `/app`; undefined when there is nothing to build. */
  build: string | undefined
  /** Argument vector of the app; undefined: the image's own entrypoint and command. */
  start: readonly string[] | undefined
  /** Port the app listens on; undefined: the image's one exposed port, else 8080. */
  port: number | undefined
  /** Environment that the runtime itself needs; the app's own wins. */
  env: Readonly<Record<string, string>>
}

/** One runtime's detection rule, in `runtimes/<name>/detect.ts`. */
export type Detector = {
  runtime: Plan['runtime']
  /** What the rule looks for, for the error of an upload that fits nothing, e.g. "package.json with a start script". */
  looksFor: readonly string[]
  /** The plan when the upload fits this runtime, else undefined. Throws `Problem` when it fits but is wrong. */
  detect(files: UploadFiles, manifest: Manifest): Plan | undefined
}
