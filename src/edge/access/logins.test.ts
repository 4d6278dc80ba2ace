import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Logins, type Users, type Verdict } from './logins.ts'

/** A hash is its password here, and what is checked is counted. */
class Stage {
  checked = 0
  readonly logins = new Logins(async (password, hash) => {
    this.checked++
    return password === hash
  })
  users: Users = new Map([['anna', 'correct horse']])

  check(authorization: string | undefined, from = 'a', now = 0): Verdict | Promise<Verdict> {
    return this.logins.check(authorization, this.users, from, now)
  }
}

const basic = (user: string, password: string) =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

test('the right password comes in; it is checked against its hash once, and known at once afterwards', async () => {
  const stage = new Stage()
  const header = basic('anna', 'correct horse')
  const first = stage.check(header)
  assert.ok(first instanceof Promise)
  assert.equal(await first, 'in')
  assert.equal(stage.check(header), 'in')
  assert.equal(stage.check(header.replace(/=+$/, ''), 'b'), 'in')
  assert.equal(stage.checked, 1)
  assert.equal(await stage.check(basic('anna', 'correct Horse')), 'out')
})

test('what is no user name and password stays out without a look at any hash', () => {
  const stage = new Stage()
  const long = basic('anna', 'x'.repeat(1000))
  for (const header of [undefined, '', 'Bearer abc', 'Basic', 'Basic !', 'Basic YW5uYQ==', long])
    assert.equal(stage.check(header), 'out', header)
  assert.equal(stage.checked, 0)
})

test('an unknown user, and one without a password, cost as much as a wrong password, and stay out', async () => {
  const stage = new Stage()
  stage.users = new Map([['ben', null]])
  assert.equal(await stage.check(basic('nobody', 'x')), 'out')
  assert.equal(await stage.check(basic('ben', '')), 'out')
  assert.equal(stage.checked, 2)
})

test('a changed password, or a user who is none any more, is out at once', async () => {
  const stage = new Stage()
  const header = basic('anna', 'correct horse')
  const before = stage.users
  assert.equal(await stage.check(header), 'in')
  stage.users = new Map([['anna', 'battery staple']])
  assert.equal(await stage.check(header), 'out')
  stage.users = new Map()
  assert.equal(await stage.check(header), 'out')
  stage.logins.keep(stage.users)
  stage.users = before
  assert.ok(stage.check(header) instanceof Promise)
})

test('the same password sent many times at once is checked once', async () => {
  const stage = new Stage()
  const all = Array.from({ length: 50 }, () => stage.check(basic('anna', 'correct horse')))
  assert.deepEqual(new Set(await Promise.all(all)), new Set(['in']))
  assert.equal(stage.checked, 1)
})

test('an address may be wrong ten times a minute; who is known comes in from there all the same', async () => {
  const stage = new Stage()
  const right = basic('anna', 'correct horse')
  assert.equal(await stage.check(right), 'in')
  const verdicts: Verdict[] = []
  for (let n = 0; n < 12; n++) verdicts.push(await stage.check(basic('anna', `wrong ${n}`)))
  assert.deepEqual(verdicts.slice(0, 10), Array(10).fill('out'))
  assert.deepEqual(verdicts.slice(10), Array(2).fill({ wait: 6000 }))
  assert.equal(stage.check(right), 'in')
  assert.equal(await stage.check(basic('anna', 'wrong'), 'b'), 'out')
  assert.equal(await stage.check(basic('anna', 'wrong again'), 'a', 6000), 'out')
})

test('only so many checks wait for each other, from however many addresses they come', async () => {
  const stages = [new Stage(), new Stage(), new Stage()]
  const from = (stage: Stage) => (_: unknown, n: number) => stage.check(basic('anna', `${n}`), `${n}`)
  const all = stages.map(stage => Array.from({ length: 10 }, from(stage)))
  const busy = all.map(checks => checks.filter(check => check === 'busy').length)
  assert.deepEqual(busy, [2, 2, 10])
  for (const checks of all) for (const check of checks) if (check !== 'busy') assert.equal(await check, 'out')
  assert.deepEqual(
    stages.map(({ checked }) => checked),
    [8, 8, 0],
  )
})

test('who tries passwords at one app keeps nobody out of another', async () => {
  const [attacked, other] = [new Stage(), new Stage()]
  const tries = Array.from({ length: 100 }, (_, n) => attacked.check(basic('anna', `${n}`), `${n}`))
  assert.equal(await other.check(basic('anna', 'correct horse')), 'in')
  await Promise.all(tries)
})

test('a check that fails is told, and the next one is made', async () => {
  let isBroken = true
  const logins = new Logins(async () => {
    if (isBroken) throw new Error('no memory')
    return true
  })
  const header = basic('anna', 'x')
  const users: Users = new Map([['anna', 'x']])
  await assert.rejects(Promise.resolve(logins.check(header, users, 'a', 0)), /no memory/)
  isBroken = false
  assert.equal(await logins.check(header, users, 'a', 0), 'in')
})
