import { open } from 'node:fs/promises'
import { DETECTION_FILES, type UploadFiles } from '../runtime.ts'
import { type SafeEntry, safeEntries, type UploadSource } from './entries.ts'
import { detectFormat, HEAD_BYTES, type UploadHints } from './format.ts'
import { type ArchiveLimits, DEFAULT_LIMITS } from './limits.ts'
import { type RefusalCode, refusal } from './refusals.ts'
import { EntryRules, type Summary } from './rules.ts'

/** What an upload holds, every entry of it checked. */
export type UploadScan = Summary & {
  format: 'tar' | 'tar.gz' | 'zip' | 'file'
  /** Paths relative to the app's folder, and the texts that detection reads. */
  files: UploadFiles
  /** For `repackUpload`. */
  source: UploadSource
}

export type ScanOptions = UploadHints & {
  /** Where they differ from {@link DEFAULT_LIMITS}. */
  limits?: Partial<ArchiveLimits>
  /** Gives up between two entries; its reason is thrown. */
  signal?: AbortSignal
}

/**
 * Reads a spooled upload once, from end to end, and refuses what is not in order.
 * @throws {Problem} the refusals of `refusals.ts`: 400, 413 for limits, 415 for an unknown format
 */
export async function scanUpload(path: string, options: ScanOptions = {}): Promise<UploadScan> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  const { head, size } = await readHead(path)
  if (size === 0) throw refusal('empty_upload')
  const source = { path, format: detectFormat(head, options), limits, uploadBytes: size }
  const rules = new EntryRules(limits, source)
  const contents = new Contents(limits.maxTextBytes)
  for await (const entry of safeEntries(source, rules)) {
    options.signal?.throwIfAborted()
    await contents.add(entry)
  }
  const summary = rules.finish()
  return { ...summary, format: source.format.format, files: contents.under(summary.strip), source }
}

async function readHead(path: string): Promise<{ head: Buffer; size: number }> {
  await using file = await open(path)
  const { size } = await file.stat()
  const head = Buffer.alloc(Math.min(HEAD_BYTES, size))
  const { bytesRead } = await file.read(head, 0, head.length, 0)
  return { head: head.subarray(0, bytesRead), size }
}

/** Collects paths and texts while it is not known yet whether a top-level folder will be left out. */
class Contents {
  readonly #maxTextBytes: number
  readonly #paths: string[] = []
  /** By path in the archive; what stands for a text that is not there is the reason to refuse it. */
  readonly #texts = new Map<string, { text: string } | { code: RefusalCode; more?: string }>()
  /** The only folder that may yet be left out: nobody needs texts from the others. */
  #firstFolder: string | undefined

  constructor(maxTextBytes: number) {
    this.#maxTextBytes = maxTextBytes
  }

  async add({ path, type, size, body }: SafeEntry): Promise<void> {
    if (type === 'directory') return
    if (type !== 'symlink') this.#paths.push(path)
    if (!this.#mayBeRead(path)) return
    if (type !== 'file') this.#texts.set(path, { code: 'link_unreadable' })
    else if (size <= this.#maxTextBytes) this.#texts.set(path, { text: await readText(body) })
    else this.#texts.set(path, { code: 'entry_too_large', more: `Accepted are ${this.#maxTextBytes} bytes.` })
  }

  /** @throws {Problem} `entry_too_large`, `link_unreadable` */
  under(strip: string | undefined): UploadFiles {
    const prefix = strip === undefined ? '' : `${strip}/`
    const texts = new Map<string, string>()
    for (const [path, kept] of this.#texts) {
      if (!path.startsWith(prefix) || path.indexOf('/', prefix.length) >= 0) continue
      if ('code' in kept) throw refusal(kept.code, { ...kept, entry: path })
      texts.set(path.slice(prefix.length), kept.text)
    }
    return {
      paths: new Set(this.#paths.map(path => path.slice(prefix.length))),
      text: path => texts.get(path),
    }
  }

  #mayBeRead(path: string): boolean {
    const [first = '', second, ...deeper] = path.split('/', 3)
    if (second === undefined) return DETECTION_FILES.has(first)
    this.#firstFolder ??= first
    return deeper.length === 0 && first === this.#firstFolder && DETECTION_FILES.has(second)
  }
}

async function readText(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of body) chunks.push(chunk)
  return new TextDecoder().decode(Buffer.concat(chunks))
}
