import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** How many modules the app loads as it starts. */
const dependencies = 100
/** Functions of each: about 10 kB of source, as packages of a web framework have on average. */
const functions = 60

/**
 * Writes an app that loads a hundred packages before it listens, as one made with a web framework does. They are made
 * up, so that the benchmark needs no registry: what counts is how much there is to find, read and compile.
 */
export async function writeManyModules(folder: string): Promise<void> {
  const names = Array.from({ length: dependencies }, (_, n) => `dep-${n}`)
  for (const [n, name] of names.entries()) {
    const at = join(folder, 'vendor', name)
    await mkdir(join(at, 'lib'), { recursive: true })
    await writeFile(join(at, 'package.json'), JSON.stringify({ name, version: '1.0.0', main: 'index.js' }))
    await writeFile(join(at, 'index.js'), "module.exports = require('./lib/handlers.js')\n")
    await writeFile(join(at, 'lib', 'handlers.js'), handlers(n))
  }
  const packages = Object.fromEntries(names.map(name => [name, `file:vendor/${name}`]))
  await writeFile(
    join(folder, 'package.json'),
    JSON.stringify({ scripts: { start: 'node server.js' }, dependencies: packages }),
  )
  await writeFile(
    join(folder, 'server.js'),
    `const { createServer } = require('node:http')
const layers = [${names.map(name => `require('${name}')`).join(', ')}]
createServer((req, res) => {
  const found = layers.reduce((path, layer) => layer.handle0(path, req.headers), req.url)
  res.end(found)
}).listen(process.env.PORT)
`,
  )
}

function handlers(n: number): string {
  const texts = Array.from(
    { length: functions },
    (_, each) => `exports.handle${each} = function handle${each}(path, headers) {
  // Handler ${each} of package ${n}.
  if (headers['x-package-${n}-${each}'] === undefined) return path
  const parts = String(path).split('/').filter(part => part.length > ${each})
  return parts.map(part => part.toUpperCase()).join('/')
}
`,
  )
  return texts.join('')
}
