// Serves a `fetch(request) → response` function over HTTP/1.1. Written for this place instead of taking an adapter:
// it runs in every awake function, and each module loaded is time and memory of every wake.

// Not imported: that would fill in all that the module exports by name, and for `WebSocket` load what `fetch` is made of,
// which takes as long as everything else here. It is loaded while the first request is on its way.
const { createServer } = process.getBuiltinModule('node:http')

// Longer than the edge keeps an idle connection: it must be the edge that closes it, or a request meets a reset.
const KEEP_ALIVE_MS = 120_000
// The engine kills after ten seconds; open responses are cut before, so that exit handlers still run.
const DRAIN_MS = 8000

/**
 * Listens on 0.0.0.0:$PORT and answers with `handler`; resolves when it listens. Does nothing when the app
 * listens on that port itself.
 */
export async function serve(handler) {
  // An app's own `listen` that is under way gets the port first.
  await new Promise(resolve => setImmediate(resolve))
  const port = Number(process.env.PORT ?? 8080)
  const server = createServer(
    { keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0 },
    (incoming, outgoing) => {
      // Node closes the connections that are idle when closing begins, not those that become so later.
      outgoing.once('finish', () => server.listening || incoming.socket.destroySoon())
      answer(handler, incoming, outgoing).catch(error => fail(error, outgoing))
    },
  )
  const listening = await new Promise((resolve, reject) => {
    server.once('error', error => (error.code === 'EADDRINUSE' ? resolve(false) : reject(error)))
    server.listen(port, '0.0.0.0', () => resolve(true))
  })
  if (!listening) return
  closeOnTerm(server)
  // Its first use loads it, and every answer uses it.
  void globalThis.Response
}

async function answer(handler, incoming, outgoing) {
  const gone = new AbortController()
  outgoing.once('close', () => {
    if (!outgoing.writableFinished)
      gone.abort(new DOMException('The client closed the connection', 'AbortError'))
  })
  let request
  try {
    request = requestOf(incoming, gone.signal)
  } catch {
    outgoing.writeHead(400, { 'content-type': 'text/plain' }).end('Bad request\n')
    return
  }
  try {
    const response = await handler(request)
    if (typeof response?.headers?.entries !== 'function' || typeof response.status !== 'number')
      throw new TypeError(`fetch must return a Response, it returned ${describe(response)}`)
    await send(response, incoming, outgoing)
  } catch (error) {
    // Ending because the client left is what the signal is for, not a fault of the app.
    if (!gone.signal.aborted) throw error
  }
}

function requestOf(incoming, signal) {
  const { method, headers, rawHeaders } = incoming
  const scheme = headers['x-forwarded-proto'] === 'https' ? 'https' : 'http'
  const target = incoming.url.startsWith('/')
    ? `${scheme}://${headers.host ?? 'localhost'}${incoming.url}`
    : incoming.url
  const fields = new Headers()
  for (let i = 0; i < rawHeaders.length; i += 2) fields.append(rawHeaders[i], rawHeaders[i + 1])
  const hasBody =
    method !== 'GET' &&
    method !== 'HEAD' &&
    (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0)
  return new Request(target, {
    method,
    headers: fields,
    signal,
    ...(hasBody && { body: bodyOf(incoming), duplex: 'half' }),
  })
}

/** The body as a stream that reads from the connection only as fast as the app reads from it. */
function bodyOf(incoming) {
  let controller
  let pulled = () => {}
  let ended = false
  const end = finish => {
    if (ended) return
    ended = true
    finish()
    pulled()
  }
  // Attached at the first read: a body that nobody looks at stays Node's to discard.
  const attach = () => {
    incoming.on('data', chunk => {
      incoming.pause()
      controller.enqueue(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength))
      pulled()
    })
    incoming.once('end', () => end(() => controller.close()))
    incoming.once('close', () =>
      end(() => controller.error(new DOMException('The client closed the connection', 'AbortError'))),
    )
  }
  return new ReadableStream(
    {
      pull(given) {
        if (controller === undefined) {
          controller = given
          attach()
        }
        return new Promise(resolve => {
          pulled = resolve
          incoming.resume()
        })
      },
      cancel() {
        end(() => {})
        discard(incoming)
      },
    },
    { highWaterMark: 0 },
  )
}

/** Reads what is left of a body into nothing, so that the connection can carry the next request. */
function discard(incoming) {
  incoming.removeAllListeners('data')
  incoming.resume()
}

async function send(response, incoming, outgoing) {
  const fields = []
  for (const [name, value] of response.headers) fields.push(name, value)
  const head = () => outgoing.writeHead(response.status, response.statusText || undefined, fields)
  outgoing.once('finish', () => {
    if (!incoming.readableEnded) discard(incoming)
  })
  if (response.body === null || incoming.method === 'HEAD') {
    head()
    outgoing.end()
    await response.body?.cancel()
    return
  }

  const reader = response.body.getReader()
  outgoing.once('close', () => reader.cancel(new Error('The connection is closed')).catch(() => {}))
  // A body that is there already goes out in one piece with its length; a stream's head goes out at once.
  const first = await unlessLater(reader.read())
  if (first.value !== undefined && !response.headers.has('content-length')) {
    const second = await unlessLater(reader.read())
    if (second.done === true) {
      fields.push('content-length', String(first.value.byteLength))
      head()
      outgoing.end(first.value)
      return
    }
    head()
    await write(outgoing, first.value)
    await pump(second.later ?? second, reader, outgoing)
    return
  }
  head()
  if (first.later !== undefined) outgoing.flushHeaders()
  await pump(first.later ?? first, reader, outgoing)
}

async function pump(next, reader, outgoing) {
  for (let read = await next; !read.done; read = await reader.read()) {
    await write(outgoing, read.value)
    if (outgoing.destroyed) return
  }
  outgoing.end()
}

/** Resolves when the connection takes more, or is closed. */
function write(outgoing, chunk) {
  if (outgoing.write(chunk) || outgoing.destroyed) return undefined
  return new Promise(resolve => {
    const done = () => {
      outgoing.off('drain', done)
      outgoing.off('close', done)
      resolve()
    }
    outgoing.on('drain', done)
    outgoing.on('close', done)
  })
}

/** The outcome of a read if it comes within this turn of the event loop, else `{later: the read}`. */
function unlessLater(read) {
  return Promise.race([read, new Promise(resolve => setImmediate(() => resolve({ later: read })))])
}

function fail(error, outgoing) {
  console.error(error)
  if (outgoing.headersSent) {
    // Cut off, so that the client sees a broken answer and not a short one.
    outgoing.destroy()
    return
  }
  outgoing.writeHead(500, { 'content-type': 'text/plain; charset=utf-8' }).end('Internal server error\n')
}

function describe(value) {
  return value === null || typeof value !== 'object'
    ? String(value)
    : `an object of ${value.constructor?.name}`
}

/** On SIGTERM: no new connections, the answers under way are finished, then the process ends. */
function closeOnTerm(server) {
  process.once('SIGTERM', () => {
    // An app that handles the signal itself also decides when to end.
    const ends = process.listenerCount('SIGTERM') === 0
    server.close(() => ends && process.exit(0))
    setTimeout(() => server.closeAllConnections(), DRAIN_MS).unref()
  })
}
