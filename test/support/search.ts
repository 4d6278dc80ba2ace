import { createReadStream, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import Docker from 'dockerode'
import { extract } from 'tar-stream'

/** Its types leave out what saves several images as one archive. */
const docker = new Docker() as Docker & { getImages(options: { names: string[] }): Promise<Readable> }

/** Looks for values in bytes: as they are, in hex, and in base64 whatever stands before them. Found are their names. */
export class Search {
  readonly #forms: { name: string; bytes: Buffer }[]
  readonly #overlap: number

  constructor(values: Readonly<Record<string, string>>) {
    this.#forms = Object.entries(values).flatMap(([name, value]) =>
      formsOf(Buffer.from(value)).map(bytes => ({ name, bytes })),
    )
    this.#overlap = Math.max(...this.#forms.map(({ bytes }) => bytes.length)) - 1
  }

  inText(text: string): string[] {
    return this.#inBytes(Buffer.from(text))
  }

  /** Names of the values found in a stream, and in what it holds when it is compressed. */
  async inStream(stream: Readable): Promise<Set<string>> {
    const found = new Set<string>()
    let zipped: PassThrough | undefined
    let unzipped: Promise<void> | undefined
    let tail = Buffer.alloc(0)
    let first = true
    for await (const part of stream) {
      if (first && part[0] === 0x1f && part[1] === 0x8b) {
        zipped = new PassThrough()
        unzipped = pipeline(zipped, createGunzip(), async plain => {
          for (const name of await this.inStream(Readable.from(plain))) found.add(name)
        })
        // Awaited below.
        unzipped.catch(() => undefined)
      }
      first = false
      if (zipped?.write(part) === false) {
        await Promise.race([unzipped, new Promise(resolve => zipped?.once('drain', resolve))])
      }
      const bytes = Buffer.concat([tail, part])
      for (const name of this.#inBytes(bytes)) found.add(name)
      tail = bytes.subarray(Math.max(0, bytes.length - this.#overlap))
    }
    zipped?.end()
    await unzipped
    return found
  }

  /** What each file of a folder holds: `path: name`. */
  async inFolder(folder: string): Promise<string[]> {
    const found: string[] = []
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name)
      for (const name of this.inText(path)) found.push(`${path}: ${name}`)
      if (!entry.isFile()) continue
      for (const name of await this.inStream(createReadStream(path))) found.push(`${path}: ${name}`)
    }
    return found
  }

  /**
   * What images hold, in their configuration, their history and every file of every layer: `image: name`.
   *
   * @param images ids or references; layers that they share are read once
   */
  async inImages(images: readonly string[]): Promise<string[]> {
    const found: string[] = []
    for (const id of images) {
      const image = docker.getImage(id)
      const text = JSON.stringify([await image.inspect(), await image.history()])
      for (const name of this.inText(text)) found.push(`${id}: ${name}`)
    }
    const archive = extract()
    const saved = pipeline(await docker.getImages({ names: [...images] }), archive)
    saved.catch(() => undefined)
    for await (const entry of archive) {
      for (const name of this.inText(JSON.stringify(entry.header)))
        found.push(`${entry.header.name}: ${name}`)
      for (const name of await this.inStream(Readable.from(entry)))
        found.push(`${entry.header.name}: ${name}`)
    }
    await saved
    return found
  }

  #inBytes(bytes: Buffer): string[] {
    const names = this.#forms.filter(form => bytes.includes(form.bytes)).map(form => form.name)
    return [...new Set(names)]
  }
}

function formsOf(value: Buffer): Buffer[] {
  const base64 = [0, 1, 2].map(before => {
    const text = Buffer.concat([Buffer.alloc(before), value]).toString('base64')
    // Characters that depend on what stands before or after are left out.
    return text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + value.length) * 8) / 6))
  })
  const urlSafe = base64.map(text => text.replaceAll('+', '-').replaceAll('/', '_'))
  const texts = new Set([value.toString('hex'), ...base64, ...urlSafe])
  return [value, ...[...texts].map(text => Buffer.from(text))]
}
