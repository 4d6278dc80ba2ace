import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { appendFileSync, createWriteStream, truncateSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { afterEach, beforeEach, test } from 'node:test'
import { Problem } from '../problem.ts'
import { scanUpload, type UploadScan } from '../releases/upload/scan.ts'
import { type PackOptions, packFolder } from './pack.ts'

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'dormice-pack-'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

test('a packed folder scans as what it is: contents, modes, empty folders, no top-level folder left out', async () => {
  await tree({ 'app/src/main.js': 'x', 'app/package.json': '{"name":"x"}' })
  await mkdir(join(root, 'app/empty'))
  const scan = await packed('app')
  assert.deepEqual([...scan.files.paths], ['package.json', 'src/main.js'])
  assert.equal(scan.files.text('package.json'), '{"name":"x"}')
  assert.equal(scan.entries, 5)

  await tree({ 'lone/public/index.html': '' })
  assert.deepEqual(await paths('lone'), ['public/index.html'])
})

test('.git, .dormice, and node_modules of the root are left out; another node_modules only if Git ignores it', async () => {
  await tree({
    '.git/config': '',
    'sub/.git': 'gitdir: ../.git/modules/sub',
    '.dormice/state': '',
    'node_modules/a/index.js': '',
    'lib/node_modules/b/index.js': '',
    'main.js': '',
  })
  assert.deepEqual(await paths(), ['lib/node_modules/b/index.js', 'main.js'])
  await tree({ '.gitignore': 'node_modules\n!/node_modules\n' })
  assert.deepEqual(await paths(), ['.gitignore', 'main.js'])
})

test('.gitignore is honoured in every folder, the deeper one over the one above', async () => {
  await tree({
    '.gitignore': '*.log\n/dist\nsecret.*\n',
    'a.log': '',
    'dist/x': '',
    'sub/dist/x': '',
    'sub/.gitignore': '!kept.log\n/tmp\n',
    'sub/kept.log': '',
    'sub/other.log': '',
    'sub/tmp/x': '',
    'tmp/x': '',
    'SECRET.txt': '',
    'main.js': '',
  })
  assert.deepEqual(await paths(), [
    '.gitignore',
    'SECRET.txt',
    'main.js',
    'sub/.gitignore',
    'sub/dist/x',
    'sub/kept.log',
    'tmp/x',
  ])
})

test('.dormiceignore leaves out more, and takes in again what .gitignore or a rule of ours leaves out', async () => {
  await tree({
    '.gitignore': 'dist/\n*.map\nnode_modules\n',
    '.dormiceignore': '!dist\n!node_modules\ntest/\ndist/*.tmp\n',
    'dist/main.js': '',
    'dist/main.map': '',
    'dist/deep/x.js': '',
    'dist/y.tmp': '',
    'node_modules/a/index.js': '',
    'other.map': '',
    'test/x': '',
  })
  assert.deepEqual(await paths(), [
    '.dormiceignore',
    '.gitignore',
    'dist/deep/x.js',
    'dist/main.js',
    'dist/main.map',
    'node_modules/a/index.js',
  ])
})

test('the .gitignore files above a folder count up to the root of its repository, unless they ignore all of it', async () => {
  await tree({
    '.gitignore': '*.log\n/apps/site/out\n/build\n',
    'apps/.gitignore': 'private\n',
    'apps/site/index.html': '',
    'apps/site/a.log': '',
    'apps/site/out/x': '',
    'apps/site/private': '',
    'build/index.html': '',
    'build/b.log': '',
  })
  assert.deepEqual(await paths('apps/site'), ['a.log', 'index.html', 'out/x', 'private'])
  await mkdir(join(root, '.git'))
  assert.deepEqual(await paths('apps/site'), ['index.html'])
  assert.deepEqual(await paths('build'), ['b.log', 'index.html'])
})

test('links that stay inside are kept; links out, sockets and FIFOs are left out with a warning', async () => {
  await tree({ 'a/file': 'x', 'main.js': '' })
  await symlink('../main.js', join(root, 'a/inside'))
  await symlink(join(root, 'a/file'), join(root, 'absolute'))
  await symlink('../../etc/passwd', join(root, 'outside'))
  await symlink('/etc', join(root, 'etc'))
  execFileSync('mkfifo', [join(root, 'fifo')])
  const server = createServer().listen(join(root, 'socket'))
  await new Promise(resolve => server.once('listening', resolve))
  const warnings: string[] = []
  const scan = await packed('.', { warn: line => warnings.push(line) })
  server.close()
  assert.deepEqual([...scan.files.paths], ['a/file', 'main.js'])
  assert.deepEqual(warnings, [
    'left out "etc": it links to "/etc", outside the folder',
    'left out "fifo": it is neither a file, a folder nor a link',
    'left out "outside": it links to "../../etc/passwd", outside the folder',
    'left out "socket": it is neither a file, a folder nor a link',
  ])
  const listing = execFileSync('tar', ['tzvf', await packedFile('.')], { encoding: 'utf8' })
  await rm(`${root}.tgz`)
  assert.match(listing, /absolute -> a\/file\n/)
  assert.match(listing, /a\/inside -> \.\.\/main\.js\n/)
})

test('the same folder gives the same bytes, whatever order it was written in', async () => {
  const names = ['b/z', 'a', 'b/a', 'ü', 'Z', 'b.x', 'B']
  for (const [folder, order] of [
    ['one', names],
    ['two', names.toReversed()],
  ] as const) {
    await tree(Object.fromEntries(order.map(name => [`${folder}/${name}`, name])))
    for (const name of [...names, 'b', '.']) {
      const path = join(root, folder, name)
      await chmod(path, name === 'b' || name === '.' ? 0o755 : 0o644)
      await utimes(path, 1_700_000_000, 1_700_000_000)
    }
  }
  assert.equal(await digest('one'), await digest('two'))
})

test('progress tells files and bytes as they are read', async () => {
  await tree({ a: 'x'.repeat(200_000), b: 'yy', '.gitignore': 'c', c: 'left out' })
  const seen: { files: number; bytes: number }[] = []
  await packed('.', { progress: done => seen.push(done) })
  assert.deepEqual(seen.at(-1), { files: 3, bytes: 200_003 })
  assert.ok(seen.length > 4, 'a large file is told of in steps')
})

test('a folder with nothing to deploy, no folder, and a bad name fail with a clear problem', async () => {
  await tree({ '.gitignore': '*\n', 'x/y': '' })
  await mkdir(join(root, 'empty/deep'), { recursive: true })
  assert.match(
    (await problemOf('empty', 'empty_folder')).message,
    /^There is nothing to deploy: "\/.*empty" has no files/,
  )
  await problemOf('.', 'empty_folder')
  await problemOf('missing', 'not_a_folder')
  await problemOf('.gitignore', 'not_a_folder')
  await tree({ 'bad/a\\b': '' })
  assert.equal((await problemOf('bad', 'path_backslash')).data.entry, 'a\\b')
})

test('a file that becomes shorter while it is packed fails the pack; one that grows is packed as it was', async () => {
  await tree({ 'short/file': 'x'.repeat(1_000_000), 'long/file': 'x'.repeat(1_000_000) })
  const atStart = (action: () => void) => ({
    progress: ({ bytes }: { bytes: number }) => bytes === 0 && action(),
  })
  await problemOf(
    'short',
    'file_changed',
    atStart(() => truncateSync(join(root, 'short/file'), 10)),
  )
  const { bytes } = await packed(
    'long',
    atStart(() => appendFileSync(join(root, 'long/file'), 'more')),
  )
  assert.equal(bytes, 1_000_000)
})

async function tree(files: Record<string, string>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), text)
  }
}

/** Packs a folder into a file beside the root, not in it. */
async function packedFile(folder: string, options: PackOptions = {}): Promise<string> {
  const path = `${root}.tgz`
  await pipeline(packFolder(join(root, folder), options), createWriteStream(path))
  return path
}

async function packed(folder: string, options: PackOptions = {}): Promise<UploadScan> {
  const path = await packedFile(folder, options)
  try {
    return await scanUpload(path)
  } finally {
    await rm(path)
  }
}

async function paths(folder = '.'): Promise<string[]> {
  const { files, strip } = await packed(folder)
  assert.equal(strip, undefined)
  return [...files.paths]
}

async function digest(folder: string): Promise<string> {
  return createHash('sha256')
    .update(await buffer(packFolder(join(root, folder))))
    .digest('hex')
}

async function problemOf(folder: string, code: string, options: PackOptions = {}): Promise<Problem> {
  const error = await buffer(packFolder(join(root, folder), options)).then(
    () => undefined,
    error => error,
  )
  assert.ok(error instanceof Problem, String(error?.stack))
  assert.equal(error.code, code)
  return error
}
