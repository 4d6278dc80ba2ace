// Notes in a SQLite file on the app's own disk. Dormice keeps that disk: across sleeps, deploys and restarts.
import { mkdirSync } from 'node:fs'
import { createServer } from 'node:http'
import { DatabaseSync } from 'node:sqlite'
import { page } from './page.js'

const MAX_BODY = 64 * 1024

mkdirSync('data', { recursive: true })
const db = new DatabaseSync('data/notes.db')
// A note is on the disk before its answer is sent, so this app may be stopped, or killed, at any moment: it needs
// no SIGTERM handler.
db.exec('PRAGMA synchronous = EXTRA')
db.exec('CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL, created TEXT NOT NULL)')

const list = db.prepare('SELECT id, text, created FROM notes ORDER BY id DESC')
const add = db.prepare('INSERT INTO notes (text, created) VALUES (?, ?) RETURNING id, text, created')
const remove = db.prepare('DELETE FROM notes WHERE id = ?')

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, 'http://app')
  const id = /^\/notes\/(\d+)$/.exec(pathname)?.[1]
  const method = request.method === 'HEAD' ? 'GET' : request.method
  const route = `${method} ${id ? '/notes/:id' : pathname}`

  if (route === 'GET /') {
    response.setHeader('content-type', 'text/html; charset=utf-8').end(page(list.all()))
  } else if (route === 'GET /notes') {
    json(response, 200, list.all())
  } else if (route === 'POST /notes') {
    const text = await readText(request)
    if (text === undefined) return json(response, 413, { error: `a note has at most ${MAX_BODY} bytes` })
    if (!text.trim()) return json(response, 400, { error: 'send the note as "text", in JSON or as a form' })
    const note = add.get(text.trim(), new Date().toISOString())
    // Browsers send forms, and go back to the page.
    if (isForm(request)) response.writeHead(303, { location: '/' }).end()
    else json(response, 201, note)
  } else if (route === 'DELETE /notes/:id') {
    const { changes } = remove.run(id)
    if (changes) response.writeHead(204).end()
    else json(response, 404, { error: `there is no note ${id}` })
  } else {
    json(response, 404, { error: 'there are /, /notes and /notes/:id' })
  }
})
server.listen(process.env.PORT ?? 8080, '0.0.0.0', () => console.log(`${list.all().length} notes so far`))

/** The note of a request, '' when there is none, undefined when it is too long. */
async function readText(request) {
  const chunks = []
  let size = 0
  for await (const chunk of request) {
    size += chunk.length
    if (size <= MAX_BODY) chunks.push(chunk)
  }
  if (size > MAX_BODY) return undefined
  const body = Buffer.concat(chunks).toString()
  try {
    const text = isForm(request) ? new URLSearchParams(body).get('text') : JSON.parse(body).text
    return typeof text === 'string' ? text : ''
  } catch {
    return ''
  }
}

function isForm(request) {
  return request.headers['content-type']?.startsWith('application/x-www-form-urlencoded') ?? false
}

function json(response, status, value) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(value)}\n`)
}
