// What the fault harness runs: an app that changes its disk in every way it is told, and answers only when the change
// would outlive a loss of power. `faults/ledger.ts` knows what each change makes of the disk.
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeSync,
} from 'node:fs'
import { createServer } from 'node:http'
import { dirname, join } from 'node:path'

/** Bytes of a page of the book, which keeps its size while its pages are written over, as a database does. */
const PAGE = 64
const PAGES = 4
/** A file that is being put; one that a crash left is nobody's. */
const PART = '.part'

mkdirSync('data/files', { recursive: true })

const changes = {
  append: ({ text }) => write('data/log', 'a', text),
  page({ page, text }) {
    if (!exists('data/book')) write('data/book', 'w', '.'.repeat(PAGE * PAGES))
    write('data/book', 'r+', text.padEnd(PAGE, '.'), page * PAGE)
  },
  put: ({ name, text, mode }) => put(`data/files/${name}`, text, mode),
  link({ name, to }) {
    rmSync(`data/files/${name}`, { force: true })
    linkSync(`data/files/${to}`, `data/files/${name}`)
    flush('data/files')
  },
  symlink({ name, to }) {
    rmSync(`data/files/${name}`, { force: true })
    symlinkSync(to, `data/files/${name}`)
    flush('data/files')
  },
  remove({ name }) {
    rmSync(`data/files/${name}`, { force: true })
    flush('data/files')
  },
  box({ texts }) {
    rmSync('data/box', { recursive: true, force: true })
    mkdirSync('data/box')
    for (const [name, text] of Object.entries(texts)) put(`data/box/${name}`, text, 0o644)
    flush('data')
  },
  own: ({ text }) => write('page.txt', 'w', text),
}

const server = createServer(async (request, response) => {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  try {
    if (request.method === 'POST') {
      const change = JSON.parse(Buffer.concat(chunks).toString())
      changes[change.do](change)
      response.writeHead(204).end()
    } else {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(disk()))
    }
  } catch (error) {
    response.writeHead(500).end(String(error.stack))
  }
})
server.listen(process.env.PORT ?? 8080, '0.0.0.0')

/** Every file below this folder: its mode and its bytes, or where it leads. */
function disk() {
  const all = {}
  for (const entry of readdirSync('.', { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (path.endsWith(PART)) continue
    if (entry.isSymbolicLink()) all[path] = `-> ${readlinkSync(path)}`
    else if (entry.isFile())
      all[path] = `${(statSync(path).mode & 0o777).toString(8)} ${readFileSync(path, 'latin1')}`
  }
  return all
}

function put(path, text, mode) {
  rmSync(path + PART, { force: true })
  write(path + PART, 'w', text, null, mode)
  renameSync(path + PART, path)
  flush(dirname(path))
}

function write(path, flags, text, position = null, mode = 0o644) {
  const file = openSync(path, flags, mode)
  try {
    writeSync(file, Buffer.from(text, 'latin1'), 0, undefined, position)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  flush(dirname(path))
}

function flush(folder) {
  const handle = openSync(folder, 'r')
  fsyncSync(handle)
  closeSync(handle)
}

function exists(path) {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}
