import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TestHost } from './support/host.ts'

/** Makes system calls that an app has no use for, and some that it has, and tells what came of each. */
const app = `
import ctypes, errno, http.server, json, os, socket, subprocess, threading

libc = ctypes.CDLL(None, use_errno=True)

def told(call):
    return errno.errorcode[ctypes.get_errno()] if call() == -1 else "done"

def vsock():
    try:
        socket.socket(40, socket.SOCK_STREAM).close()
        return "done"
    except OSError as error:
        return errno.errorcode[error.errno]

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        thread = threading.Thread(target=lambda: None)
        thread.start()
        thread.join()
        found = {
            "user namespace": told(lambda: libc.unshare(0x10000000)),
            "mount": told(lambda: libc.mount(b"none", b"/tmp", b"tmpfs", 0, None)),
            "io_uring": told(lambda: libc.syscall(425, 1, None)),
            "keyring": told(lambda: libc.syscall(250 if os.uname().machine == "x86_64" else 219, 0, -3, 0)),
            "vsock": vsock(),
            "process": subprocess.run(["true"]).returncode,
        }
        body = json.dumps(found).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

http.server.HTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
`

test('an app may make the system calls that programs need, and no others', async () => {
  await using host = await TestHost.start()
  await host.deployText('calls', 'main.py', app)
  assert.deepEqual(JSON.parse((await host.visit('calls')).body), {
    'user namespace': 'EPERM',
    mount: 'EPERM',
    io_uring: 'EPERM',
    keyring: 'EPERM',
    vsock: 'EPERM',
    process: 0,
  })
})
