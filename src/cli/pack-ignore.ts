import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import ignore, { type Ignore } from 'ignore'

/** The rules of one ignore file, and how a path below the packed folder looks from there. */
type Layer = { rules: Ignore; seen: (path: string) => string }

/**
 * What is left out whatever `.gitignore` says, though `.dormiceignore` may take it in again. The build installs the
 * packages of the root; a `node_modules` deeper down that Git does not ignore was put there on purpose.
 */
const ALWAYS_OUT = ['/node_modules', '/.dormice', '.DS_Store']

/** Which paths of a folder are not packed, as far as the ignore files down to one of its subfolders know. */
export class LeftOut {
  readonly #root: string
  readonly #git: readonly Layer[]
  readonly #always: readonly Layer[]
  readonly #dormice: readonly Layer[]

  private constructor(
    root: string,
    git: readonly Layer[],
    always: readonly Layer[],
    dormice: readonly Layer[],
  ) {
    this.#root = root
    this.#git = git
    this.#always = always
    this.#dormice = dormice
  }

  /**
   * The rules at the root of a folder to be packed. As for Git, every `.gitignore` from the root of the repository
   * down counts; but not one that ignores the whole folder: whoever deploys an ignored folder means it.
   * @param root absolute
   */
  static async at(root: string): Promise<LeftOut> {
    const above = await Promise.all(repositoryFoldersAbove(root).map(folder => layerAbove(folder, root)))
    const git = above.flatMap(layer => (layer && !layer.rules.test(layer.seen('')).ignored ? [layer] : []))
    const always = [{ rules: rulesOf(ALWAYS_OUT), seen: (path: string) => path }]
    return new LeftOut(root, git, always, []).#with('')
  }

  /**
   * The rules in a subfolder, which itself is not left out. A file that ignores it as a whole but was overruled
   * says nothing more in it: `!dist` in `.dormiceignore` takes in all of a `dist` that `.gitignore` ignores.
   */
  in(folder: string): Promise<LeftOut> {
    const holds = ({ rules, seen }: Layer) => !rules.test(seen(`${folder}/`)).ignored
    const layers = [this.#git.filter(holds), this.#always.filter(holds), this.#dormice.filter(holds)] as const
    return new LeftOut(this.#root, ...layers).#with(folder)
  }

  /** Whether a path in this folder is left out; the deeper file decides, and `.dormiceignore` over all others. */
  has(path: string, { folder }: { folder: boolean }): boolean {
    if (path === '.git' || path.endsWith('/.git')) return true
    let out = false
    for (const { rules, seen } of [...this.#git, ...this.#always, ...this.#dormice]) {
      const { ignored, unignored } = rules.test(seen(folder ? `${path}/` : path))
      if (ignored) out = true
      else if (unignored) out = false
    }
    return out
  }

  async #with(folder: string): Promise<LeftOut> {
    const from = folder === '' ? 0 : folder.length + 1
    const own = async (name: string): Promise<Layer[]> => {
      const rules = await readRules(join(this.#root, folder, name))
      return rules ? [{ rules, seen: path => path.slice(from) }] : []
    }
    const git = [...this.#git, ...(await own('.gitignore'))]
    return new LeftOut(this.#root, git, this.#always, [...this.#dormice, ...(await own('.dormiceignore'))])
  }
}

/** The folders above a folder, outermost first, from the root of the Git repository that it lies in. */
function repositoryFoldersAbove(folder: string): string[] {
  const folders: string[] = []
  for (let at = folder; !existsSync(join(at, '.git')); ) {
    const above = dirname(at)
    if (above === at) return []
    folders.unshift(above)
    at = above
  }
  return folders
}

async function layerAbove(folder: string, root: string): Promise<Layer | undefined> {
  const rules = await readRules(join(folder, '.gitignore'))
  const between = `${relative(folder, root).split(sep).join('/')}/`
  return rules && { rules, seen: path => between + path }
}

async function readRules(path: string): Promise<Ignore | undefined> {
  try {
    return rulesOf(await readFile(path, 'utf8'))
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT' || code === 'EISDIR') return undefined
    throw error
  }
}

function rulesOf(patterns: string | readonly string[]): Ignore {
  // Git tells upper from lower case wherever the file system does.
  return ignore({ ignoreCase: false }).add(patterns)
}
