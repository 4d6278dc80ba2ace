import { generateKeyPairSync } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Authorization, Client, Order } from 'acme-client'
import type { Issue } from './auto.ts'
import { readIfThere, writePrivate } from './private-file.ts'

export type AcmeOptions = {
  /** The CA: URL of its ACME directory. */
  directory: string
  /** Where the CA writes to when something is wrong; none when undefined. */
  email: string | undefined
  /** Where the account's key is kept. */
  folder: string
  /** Answers of challenges under way, by their tokens: what this process answers to HTTP-01. */
  challenges: Map<string, string>
}

/** How long the CA may take over one step of an order, ms. */
const STEP_LIMIT = 60_000
/** How long one request to the CA may take, ms. */
const REQUEST_LIMIT = 20_000

/** Obtains certificates by ACME (RFC 8555) with challenge HTTP-01. The library is loaded with the first order. */
export function acmeIssuer(options: AcmeOptions): Issue {
  let account: Promise<Account> | undefined
  return async (name, signal) => {
    account ??= openAccount(options)
    try {
      return await order(await account, options.challenges, name, signal)
    } catch (error) {
      // The CA may have forgotten the account: the next order asks for it again.
      account = undefined
      throw error
    }
  }
}

type AxiosResponse = Awaited<ReturnType<typeof import('acme-client').axios.request>>
type Account = { client: Client; crypto: typeof import('acme-client').crypto }

async function openAccount({ directory, email, folder }: AcmeOptions): Promise<Account> {
  const acme = (await import('acme-client')).default
  acme.axios.defaults.timeout = REQUEST_LIMIT
  // The library's own handler would wait in the middle of an order for as long as the CA says; `Failures` holds the
  // name back instead. And it loses why a CA cannot be reached.
  acme.axios.interceptors.response.clear()
  acme.axios.interceptors.response.use(undefined, answerOrReason)
  const client = new acme.Client({ directoryUrl: directory, accountKey: await accountKey(folder) })
  const contact = email === undefined ? {} : { contact: [`mailto:${email}`] }
  await client.createAccount({ termsOfServiceAgreed: true, ...contact })
  return { client, crypto: acme.crypto }
}

/** Whatever the CA answers is for the caller to judge. */
function answerOrReason(error: Error & { response?: AxiosResponse }): AxiosResponse {
  if (error.response) return error.response
  throw new Error(`the CA cannot be reached: ${error.message}`, { cause: error })
}

async function accountKey(folder: string): Promise<string> {
  const file = join(folder, 'account.key')
  const kept = await readIfThere(file)
  if (kept !== undefined) return kept
  const key = newKey()
  await writePrivate(file, key)
  return key
}

async function order(
  { client, crypto }: Account,
  challenges: Map<string, string>,
  name: string,
  signal: AbortSignal,
): Promise<{ chain: string; key: string }> {
  const placed = await client.createOrder({ identifiers: [{ type: 'dns', value: name }] })
  for (const authorization of await client.getAuthorizations(placed)) {
    if (authorization.status !== 'valid') await prove(client, placed, authorization, challenges, signal)
  }
  const key = newKey()
  const [, request] = await crypto.createCsr({ altNames: [name] }, key)
  let current = await client.finalizeOrder(
    await until(() => client.getOrder(placed), isReady, signal),
    request,
  )
  if (current.status !== 'valid') current = await until(() => client.getOrder(placed), isIssued, signal)
  return { chain: await client.getCertificate(current), key }
}

/** Shows the CA that the name leads here. */
async function prove(
  client: Client,
  placed: Order,
  authorization: Authorization,
  challenges: Map<string, string>,
  signal: AbortSignal,
): Promise<void> {
  const challenge = authorization.challenges.find(({ type }) => type === 'http-01')
  if (challenge === undefined) throw new Error('the CA does not offer the challenge HTTP-01')
  challenges.set(challenge.token, await client.getChallengeKeyAuthorization(challenge))
  try {
    await client.completeChallenge(challenge)
    const look = async () =>
      (await client.getAuthorizations(placed)).find(({ url }) => url === authorization.url) ?? authorization
    await until(look, isProven, signal)
  } finally {
    challenges.delete(challenge.token)
  }
}

function isProven({ status, challenges }: Authorization): boolean {
  if (status === 'valid') return true
  const error = challenges.find(({ type }) => type === 'http-01')?.error
  // Some CAs leave it pending, for a second try that nobody else would begin.
  if (error !== undefined || status !== 'pending') throw new Error(detailOf(error, `authorization ${status}`))
  return false
}

function isReady({ status, error }: Order): boolean {
  if (status === 'invalid') throw new Error(detailOf(error, 'order invalid'))
  return status !== 'pending'
}

function isIssued({ status, error }: Order): boolean {
  if (status === 'invalid') throw new Error(detailOf(error, 'order invalid'))
  return status === 'valid'
}

function detailOf(error: object | undefined, otherwise: string): string {
  return error && 'detail' in error ? String(error.detail) : otherwise
}

/** Looks at something at the CA until it is as it should be, less and less often. */
async function until<T>(
  look: () => Promise<T>,
  isDone: (found: T) => boolean,
  signal: AbortSignal,
): Promise<T> {
  const deadline = performance.now() + STEP_LIMIT
  for (let pause = 250; ; pause = Math.min(pause * 2, 4_000)) {
    const found = await look()
    if (isDone(found)) return found
    if (performance.now() > deadline) throw new Error('the CA takes too long')
    await sleep(pause, undefined, { signal })
  }
}

/** A new key, EC P-256, PEM. */
function newKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return String(privateKey.export({ type: 'pkcs8', format: 'pem' }))
}
