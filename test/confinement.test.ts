import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TestHost } from './support/host.ts'

/** Makes system calls that an app has no use for, and some that it has, and tells what came of each. */
const app = `
import ctypes, errno, http.server, json, os, socket, subprocess, threading

libc = ctypes.CDLL(None, use_errno=True)

def told(call):
    return errno.errorcode[ctypes.get_errno()] if call() == -1 else "done"

def opened(family, kind=socket.SOCK_STREAM):
    try:
        socket.socket(family, kind).close()
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
            "vsock": opened(40),
            "vsock, of which the kernel takes half the bits": told(
                lambda: libc.syscall(
                    41 if os.uname().machine == "x86_64" else 198, ctypes.c_long(0x100000028), ctypes.c_long(1), 0
                )
            ),
            "cryptography": opened(38, socket.SOCK_SEQPACKET),
            "sockets": [opened(family) for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6)],
            "network interfaces": opened(socket.AF_NETLINK, socket.SOCK_RAW),
            "other memory": told(lambda: libc.syscall(440, -1, None, 0, 0, 0)),
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
    'vsock, of which the kernel takes half the bits': 'EPERM',
    cryptography: 'EPERM',
    sockets: ['done', 'done', 'done'],
    'network interfaces': 'done',
    'other memory': 'EPERM',
    process: 0,
  })
})
