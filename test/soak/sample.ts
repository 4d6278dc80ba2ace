/** What the edge's process had at one moment, after a garbage collection. */
export type Sample = {
  /** Seconds since the traffic began. */
  at: number
  /** Bytes of JavaScript's heap. */
  heap: number
  /** Bytes of buffers outside of it. */
  external: number
  /** Bytes of memory of the whole process. */
  rss: number
  /** Open files of the process: sockets, nearly all of them. */
  files: number
  /** What keeps the process's event loop busy: sockets, timers, requests to the system. */
  resources: number
  /** Leases that are out. */
  leases: number
  /** Requests and tunnels that are not over. */
  requests: number
  /** Visitors' connections. */
  connections: number
  /** Addresses of apps with kept connections. */
  upstreams: number
}

/** What is told about the edge's process to the one that sends the traffic. */
export type Message =
  | { port: number; tlsPort: number }
  | { sample: Omit<Sample, 'at' | 'files'> }
  | { line: string }

/** What it is asked. */
export type Ask = { ask: 'sample' }
