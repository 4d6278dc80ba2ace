import { type IncomingMessage, request } from 'node:http'
import { Networks, parseNetwork } from '../networks.ts'

/** What a name's HTTP server answered. */
export type Reached =
  | { kind: 'answer'; status: number; text: string }
  /** None of its addresses may be asked. */
  | { kind: 'private' }
  | { kind: 'silent' }

export type ReachOptions = {
  /** Another than 80 is for tests. */
  port?: number
  /** ms for all of it. */
  timeout?: number
  signal?: AbortSignal
}

/** More of an answer is not read, bytes. */
const longest = 1024

/**
 * Asks a name's HTTP server for a path, at port 80 of these addresses and nowhere else: what a redirect names
 * is not asked, and neither is an address of a private network, so that nobody can look around in the host's.
 * The exception are addresses that the host's own names have: on a private network, that is where it is.
 *
 * @param own addresses of the host's own names
 */
export async function reach(
  {
    domain,
    path,
    addresses,
    own,
  }: Record<'domain' | 'path', string> & Record<'addresses' | 'own', readonly string[]>,
  { port = 80, timeout = 5_000, signal }: ReachOptions = {},
): Promise<Reached> {
  const allowed = addresses.filter(address => own.includes(address) || isPublic(address))
  if (allowed.length === 0) return { kind: 'private' }
  const bound = AbortSignal.timeout(timeout)
  try {
    const answer = await get(domain, path, allowed, port, signal ? AbortSignal.any([bound, signal]) : bound)
    return { kind: 'answer', status: answer.statusCode ?? 0, text: await beginning(answer) }
  } catch {
    return { kind: 'silent' }
  }
}

function get(
  host: string,
  path: string,
  addresses: readonly string[],
  port: number,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const found = addresses.map(address => ({ address, family: address.includes(':') ? 6 : 4 }))
    const options = {
      host,
      port,
      path,
      signal,
      agent: false,
      // What was looked at is what is connected to, whatever DNS says next.
      lookup: (
        _: string,
        __: unknown,
        done: (error: null, found: { address: string; family: number }[]) => void,
      ) => done(null, found),
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: 1_500,
      maxHeaderSize: 8 * 1024,
      headers: { host, 'user-agent': 'Dormice (custom domain check)', accept: 'text/plain' },
    }
    request(options, resolve)
      .on('error', reject)
      // Without an answer and without an error: the server has begun to speak another protocol.
      .on('close', () => reject(new Error('the connection was closed without an answer')))
      .end()
  })
}

async function beginning(answer: IncomingMessage): Promise<string> {
  let text = ''
  for await (const part of answer.setEncoding('latin1')) {
    text += part
    if (text.length > longest) break
  }
  answer.destroy()
  return text.slice(0, longest)
}

/** Whether an address is of the Internet, and not of a network for special purposes (IANA's registries). */
export function isPublic(address: string): boolean {
  return !(address.includes(':') ? closed6 : closed4).has(address)
}

const closed4 = networks(
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '224.0.0.0/3',
)
/** Those that stand for IPv4 addresses too. Apart: a BlockList finds all IPv4 addresses in `::ffff:0:0/96`. */
const closed6 = networks(
  '::/96',
  '::ffff:0:0/96',
  '::ffff:0:0:0/96',
  '64:ff9b::/32',
  '2001::/32',
  '2002::/16',
  'fc00::/7',
  'fe80::/9',
  'ff00::/8',
)

function networks(...texts: string[]): Networks {
  return new Networks(texts.flatMap(text => parseNetwork(text) ?? []))
}
