import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { appCount, nameOf } from './many-apps.ts'
import { paths } from './upstream.ts'
import type { Asked } from './wrk.ts'

/** The loads of the benchmark of the edge, by the name that their rows begin with. */
export type Loads = Record<'small' | 'browser' | 'kib' | 'hundredKib' | 'upload' | 'manyApps', Asked>

/** @param folder for wrk's scripts */
export async function edgeLoads(folder: string): Promise<Loads> {
  const script = async (name: string, text: string) => {
    const file = join(folder, name)
    await writeFile(file, text)
    return file
  }
  return {
    small: { path: paths.small },
    browser: { path: paths.small, headers: browserHeaders },
    kib: { path: paths.kib },
    hundredKib: { path: paths.hundredKib },
    upload: { path: paths.upload, script: await script('upload.lua', uploading) },
    manyApps: { path: paths.small, script: await script('apps.lua', allApps()) },
  }
}

/** What Chrome sends besides Host for a page that the visitor has been on before. */
const browserHeaders = [
  'Connection: keep-alive',
  'Cache-Control: max-age=0',
  'sec-ch-ua: "Chromium";v="140", "Not=A?Brand";v="24", "Google Chrome";v="140"',
  'sec-ch-ua-mobile: ?0',
  'sec-ch-ua-platform: "Linux"',
  'Upgrade-Insecure-Requests: 1',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8',
  'Sec-Fetch-Site: same-origin',
  'Sec-Fetch-Mode: navigate',
  'Sec-Fetch-User: ?1',
  'Sec-Fetch-Dest: document',
  'Referer: http://app.localhost/notes',
  'Accept-Encoding: gzip, deflate, br, zstd',
  'Accept-Language: en-US,en;q=0.9,de;q=0.8',
  'Cookie: session=3f1c9a6e0b7d4c2f8a5e6d7c8b9a0f1e; theme=dark',
  'If-None-Match: W/"1b2-18f3c2a7d90"',
]

const uploading = `wrk.method = "POST"
wrk.body = string.rep("x", 64 * 1024)
wrk.headers["Content-Type"] = "application/octet-stream"
`

/** Asks all apps, one after the other. */
function allApps(): string {
  const hosts = Array.from({ length: appCount }, (_, app) => `"${nameOf(app)}.localhost"`)
  return `local requests = {}
local turn = 0
function init()
  for index, host in ipairs({ ${hosts.join(', ')} }) do
    wrk.headers["Host"] = host
    requests[index] = wrk.format()
  end
end
function request()
  turn = turn % #requests + 1
  return requests[turn]
end
`
}
