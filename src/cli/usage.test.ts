import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { catalogue } from './catalogue.ts'
import { answer, fakeHost, run, unusedPort } from './fake-host.ts'

test('the overview names every command and ends well', async () => {
  const { code, stdout } = await run(['--help'])
  assert.equal(code, 0)
  for (const { name, summary } of catalogue) assert.match(stdout, new RegExp(`^  ${name} +${summary}`, 'm'))
})

test('a call without a command shows the overview on stderr and is wrong usage', async () => {
  const { code, stdout, stderr } = await run([])
  assert.equal(code, 2)
  assert.equal(stdout, '')
  assert.match(stderr, /Usage: dormice <command>/)
})

test('every command has help with an example', async () => {
  for (const { name } of catalogue) {
    const { code, stdout } = await run([name, '--help'])
    assert.equal(code, 0, name)
    assert.match(stdout, new RegExp(`Examples:\n  dormice ${name}`), name)
  }
})

test('help of a command is the same by either way to ask', async () => {
  const [one, other] = await Promise.all([run(['help', 'deploy']), run(['deploy', '--help'])])
  assert.equal(one.code, 0)
  assert.equal(one.stdout, other.stdout)
})

test('what to type next is the clone’s script in its folder, and `dormice` where that would not work', async () => {
  await using host = await fakeHost({ 'GET /v1/apps': answer({ apps: [] }) })
  const clone = join(import.meta.dirname, '../..')
  const hints = async (args: string[], env: Record<string, string>, to = host.url) =>
    (await run(args, { host: { url: to }, cwd: clone, env })).stderr
  const npm = { npm_package_json: join(clone, 'package.json') }
  const nobody = `http://127.0.0.1:${await unusedPort()}`
  assert.match(await hints(['ls'], { ...npm, INIT_CWD: clone }), /: npm run dormice -- deploy \.\/my-app\n$/)
  assert.match(await hints(['ls'], npm), /: npm run dormice -- deploy \.\/my-app\n$/)
  assert.match(await hints(['ls'], { ...npm, INIT_CWD: tmpdir() }), /: dormice deploy \.\/my-app\n$/)
  assert.match(await hints(['ls'], { ...npm, INIT_CWD: clone }, nobody), /with `npm run up`/)
  assert.match(await hints(['ls'], { ...npm, INIT_CWD: tmpdir() }, nobody), /with `dormice up`/)
})

test('--version is the package’s', async () => {
  const { code, stdout } = await run(['--version'])
  assert.equal(code, 0)
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/)
})

const wrong: [args: string[], said: RegExp][] = [
  [['lss'], /unknown command 'lss'\n\(Did you mean ls\?\)\n`dormice --help` shows/],
  [['ls', '--jsno'], /unknown option '--jsno'\n\(Did you mean --json\?\)\n`dormice ls --help` shows/],
  [['ls', 'more'], /too many arguments/],
  [['wake'], /missing required argument 'app'/],
  [['deploy', '--name'], /option '-n, --name <app>' argument missing/],
  [['env'], /Usage: dormice env <set\|unset\|ls>/],
  [['env', 'sett'], /unknown command 'sett'\n\(Did you mean set\?\)/],
  [['env', 'set', 'notes'], /missing required argument/],
  [['env', 'set', 'notes', '1X=y'], /"1X" cannot name a variable/],
  [['env', 'set', 'notes', 'A=-', 'B=-'], /only one value can be “-”/],
  [['access'], /Usage: dormice access <set\|unset\|show\|clear>/],
  [['access', 'set', 'notes'], /no rule to set is named; accepted: --allow, --deny/],
  [['access', 'set', 'notes', '--concurrency', 'few'], /Accepted: a whole number/],
  [['access', 'set', 'notes', '--user', 'anna'], /no password for anna was given; nothing is set/],
  [['access', 'unset', 'notes'], /no rule is named; accepted: allow, deny, users, rate, max-body/],
  [['access', 'unset', 'notes', 'auth'], /"auth" is no rule; accepted: allow, deny, users/],
  [['set'], /missing required argument 'app'/],
  [['set', 'notes'], /no setting is named; accepted: e\.g\. memory=512m; `dormice show notes` shows them/],
  [
    ['set', 'notes', 'memory'],
    /"memory" sets nothing; accepted: a setting and its value, e\.g\. memory=512m/,
  ],
  [['set', 'notes', 'cpu=0,5'], /cpu: "0,5" is not a number; accepted: 0\.05 to 64/],
  [['set', 'notes', 'ignore=,'], /ignore names nothing; accepted: e\.g\. \/health,monitors, or none/],
  [['set', 'notes', 'waiting={title: Hi}'], /waiting is no JSON; accepted: e\.g\. waiting=/],
  [['set', 'notes', 'access=10.0.0.0/8'], /access is written as JSON, .* `access set` has options for it/],
  [['set', 'notes', 'pids=64', '--unset', 'cpu,pids'], /pids is to be set and taken back; accepted: one/],
  [['domains'], /Usage: dormice domains <add\|check\|ls\|rm>/],
  [['domains', 'add', 'notes', 'shop.example.com'], /"notes" is no domain; accepted: a name such as/],
  [['domains', 'add', 'shop.example.com'], /missing required argument 'app'/],
  [['logs', 'notes', '--tail', 'ten'], /Accepted: a whole number/],
  [['logs', 'notes', '--since', 'yesterday'], /Accepted: 30s, 10m/],
  [['traffic', '--hours', '0'], /Accepted: a whole number from 1 to 720/],
  [['wakes', 'notes', '--limit', '101'], /Accepted: a whole number from 1 to 100/],
  [['deploy', './nothing-here'], /there is no ".\/nothing-here" to deploy/],
  [['deploy', '.', '--image', 'x'], /not both/],
  [['deploy', '.', '--name', 'No_Name'], /--name "No_Name" cannot name an app/],
  [['deploy', '/', '--json'], /gives no name/],
  [['rm', 'notes'], /pass --yes/],
  [['timeline'], /missing required argument 'app'/],
  [['rollback', 'notes'], /missing required argument 'point'/],
  [['rollback', 'notes', 'x3'], /Accepted: a snapshot such as s12 or 12, or a release such as r3/],
  [['pin', 'notes', 'r3'], /Accepted: a snapshot such as s12 or 12/],
  [['diff', 'notes', '0'], /Accepted: a snapshot such as s12 or 12/],
  [['forget', 'notes', 's12'], /pass --yes/],
  [['fork', 'notes', 'No_Name'], /the new name "No_Name" cannot name an app/],
  [['fork', 'notes', 'copy', '--at', 'r1'], /Accepted: a snapshot such as s12 or 12/],
  [['import', './nothing-here.tar'], /there is no ".\/nothing-here.tar" to import/],
  [['import', '.'], /"." is a folder; `deploy` puts a folder online/],
  [['import', '-'], /needs a name for the app: --name/],
]

for (const [args, said] of wrong) {
  test(`\`${args.join(' ')}\` is wrong usage and asks nobody`, async () => {
    await using host = await fakeHost({ 'GET /v1/apps': answer({ apps: [] }) })
    const { code, stdout, stderr } = await run(args, { host })
    assert.equal(code, 2)
    assert.match(stderr + stdout, said)
    assert.deepEqual(host.asked, [])
  })
}

test('a secret whose key was forgotten is not repeated', async () => {
  const { code, stderr, stdout } = await run(['env', 'set', 'notes', 'hunter2'])
  assert.equal(code, 2)
  assert.doesNotMatch(stderr + stdout, /hunter2/)
})

test('a quick command loads nothing heavy', async () => {
  await using host = await fakeHost({ 'GET /v1/apps': answer({ apps: [] }) })
  const hook = `import{registerHooks}from"node:module";registerHooks({load(url,context,next){process._rawDebug(url);return next(url,context)}})`
  const { code, stderr } = await run(['ls'], {
    host,
    node: [`--import=data:text/javascript,${encodeURIComponent(hook)}`],
  })
  assert.equal(code, 0)
  const packages = new Set(stderr.match(/(?<=node_modules\/)[^/]+/g))
  assert.deepEqual([...packages], ['commander'])
  assert.doesNotMatch(stderr, /commands\/(?!ls\.ts)/)
})
