import { domainToASCII } from 'node:url'
import { Command } from 'commander'
import type { DomainShape } from '../../api/shapes.ts'
import { Problem } from '../../problem.ts'
import { appPath, Client } from '../client.ts'
import { explain, headline, proofs } from '../domain-advice.ts'
import { examples } from '../examples.ts'
import { invocation } from '../invocation.ts'
import { type Json, jsonOption } from '../options.ts'
import { table } from '../table.ts'
import { print, printJson, remark, style } from '../terminal.ts'
import { formatAgo } from '../units.ts'
import { UsageError } from '../usage-error.ts'

export function domainsCommand(): Command {
  const domains = new Command('domains')
    .description(
      'Names of your own for an app. One is served once it is shown to be yours: by a DNS record that leads it here, or by one beside it.',
    )
    .usage('<add|check|ls|rm> …')
    .helpCommand(false)
    .addHelpText('after', examples(...ADDING, ...CHECKING, ...LISTING, ...REMOVING))
  domains
    .command('add')
    .summary('give an app a domain')
    .description('Give an app a domain, and say which DNS records to make. Its www. name is sent on to it.')
    .argument('<domain>', 'the name, e.g. shop.example.com', parseDomain)
    .argument('<app>', 'the app’s name')
    .addOption(jsonOption('the domain'))
    .addHelpText('after', examples(...ADDING))
    .action(add)
  domains
    .command('check')
    .summary('look now whether a domain is set up')
    .description(
      'Look now whether a domain is shown to be yours and leads here, and say what to do. Exit code 1 while it is pending.',
    )
    .argument('<domain>', 'the name', parseDomain)
    .argument('[app]', 'the app’s name; found by the domain when left out')
    .addOption(jsonOption('the domain'))
    .addHelpText('after', examples(...CHECKING))
    .action(check)
  domains
    .command('ls')
    .summary('list domains')
    .description('List the domains of an app, or of all.')
    .argument('[app]', 'the app’s name')
    .addOption(jsonOption('{"domains": […]}'))
    .addHelpText('after', examples(...LISTING))
    .action(list)
  domains
    .command('rm')
    .summary('take a domain from its app')
    .description('Take a domain from its app. It is not served from then on.')
    .argument('<domain>', 'the name', parseDomain)
    .argument('[app]', 'the app’s name; found by the domain when left out')
    .addOption(jsonOption('{"domain", "app"} of what is removed'))
    .addHelpText('after', examples(...REMOVING))
    .action(remove)
  return domains
}

const ADDING: [string, string][] = [
  ['domains add shop.example.com notes', 'says which DNS record to make'],
  ['domains add example.com notes', 'visitors of www.example.com are sent on'],
]
const CHECKING: [string, string][] = [['domains check shop.example.com', 'after the record was made']]
const LISTING: [string, string][] = [
  ['domains ls', 'of all apps'],
  ['domains ls notes --json', 'with records and what was found'],
]
const REMOVING: [string, string][] = [['domains rm shop.example.com', 'remove one']]

async function add(domain: string, app: string, { json }: Json): Promise<void> {
  const added = await new Client().call<DomainShape>(appPath(app, 'domains'), {
    method: 'POST',
    json: { domain },
  })
  show(added, json)
}

async function check(domain: string, app: string | undefined, { json }: Json): Promise<void> {
  const client = new Client()
  // Of a name that is sent on, the one that it is sent to is looked at, and both with it.
  const { domain: name, app: owner } = app === undefined ? await find(client, domain) : { domain, app }
  const found = await client.call<DomainShape>(appPath(owner, 'domains', name, 'check'), { method: 'POST' })
  const asked = found.redirectFrom?.domain === domain ? found.redirectFrom : found
  if (asked.state === 'pending') process.exitCode = 1
  show(found, json, asked !== found)
}

async function list(app: string | undefined, { json }: Json): Promise<void> {
  const path = app === undefined ? '/v1/domains' : appPath(app, 'domains')
  const answer = await new Client().get<{ domains: DomainShape[] }>(path)
  if (json) return printJson(answer)
  const { domains } = answer
  if (domains.length === 0) {
    remark(`No domains yet. Add one: ${invocation('domains', 'add', 'shop.example.com', app ?? 'notes')}`)
    return
  }
  const rows = domains.flatMap(rowsOf)
  const [heading = '', ...lines] = table([['DOMAIN', 'APP', 'STATE', 'SHOWN BY', 'ADDED'], ...rows])
  print(style('bold', heading, process.stdout))
  for (const line of lines) print(line)
  const pending = domains.find(({ state }) => state === 'pending')
  if (pending) remark(`\nWhat to do for a pending one: ${invocation('domains', 'check', pending.domain)}`)
}

function rowsOf({ domain, app, state, proof, createdAt, redirectFrom }: DomainShape): string[][] {
  const added = formatAgo(Date.parse(createdAt), Date.now())
  const shown = (by: DomainShape['proof']) => (by === null ? '–' : proofs[by])
  const row = [domain, app, showState(state), shown(proof), added]
  if (redirectFrom?.state !== 'verified') return [row]
  return [row, [redirectFrom.domain, `→ ${domain}`, showState('verified'), shown(redirectFrom.proof), added]]
}

function showState(state: DomainShape['state']): string {
  return style(state === 'verified' ? 'green' : 'yellow', state, process.stdout)
}

async function remove(domain: string, app: string | undefined, { json }: Json): Promise<void> {
  const client = new Client()
  const owner = app ?? (await appOf(client, domain))
  await client.call(appPath(owner, 'domains', domain), { method: 'DELETE' })
  if (json) return printJson({ domain, app: owner })
  print(`${domain} is taken from ${owner}`)
  remark('Remove its DNS records as well, so that nobody else can claim it here.')
}

/** The domain of that name, or that visitors of that name are sent on to. @throws {Problem} no app has it */
async function find(client: Client, name: string): Promise<DomainShape> {
  const { domains } = await client.get<{ domains: DomainShape[] }>('/v1/domains')
  const found =
    domains.find(({ domain }) => domain === name) ??
    domains.find(({ redirectFrom }) => redirectFrom?.domain === name)
  if (found) return found
  throw new Problem({
    code: 'unknown_domain',
    status: 404,
    detail: `no app has the domain ${name}; \`${invocation('domains', 'ls')}\` lists those that there are`,
  })
}

/** @throws {Problem} no app has it, or only as the name beside another */
async function appOf(client: Client, name: string): Promise<string> {
  const { domain, app } = await find(client, name)
  if (domain === name) return app
  throw new Problem({
    code: 'unknown_domain',
    status: 404,
    detail: `${name} was not added: it goes with ${domain}; \`${invocation('domains', 'rm', domain)}\` takes away both`,
  })
}

/** @param twin the name with or without www was asked for */
function show(domain: DomainShape, json = false, twin = false): void {
  if (json) {
    printJson(domain)
    return
  }
  print(headline(domain))
  for (const line of explain(domain, twin)) print(line)
  remark(
    domain.state === 'verified'
      ? `\nAll of its app: ${invocation('domains', 'ls', domain.app)}`
      : `\nIt is looked for by itself as well. To look now: ${invocation('domains', 'check', domain.domain)}`,
  )
}

/** As the API writes it, where it can be one; whether it can is for the host to say. */
function parseDomain(text: string): string {
  if (!text.includes('.')) {
    throw new UsageError(
      `"${text}" is no domain; accepted: a name such as shop.example.com, before the app’s`,
    )
  }
  return /[/:@?#]/.test(text) ? text : domainToASCII(text.trim()).replace(/\.$/, '') || text
}
