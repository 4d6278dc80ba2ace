import { spawn } from 'node:child_process'
import { existsSync, globSync, statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { packageRoot } from '../paths.ts'
import { messageOf, Problem } from '../problem.ts'
import { hostEnvironment } from './host-process.mjs'
import { prepare } from './up.ts'

/** One hung test must not hang the run, and its name should be in the report. */
const TEST_LIMIT_MS = 10 * 60_000
const RUN_LIMIT_MS = 40 * 60_000
/** After SIGTERM the runner still reports what was running. */
const REPORT_MS = 10_000

/** What `npm test -- …` was given: test files, and flags for Node's test runner. */
export type TestRequest = { files: string[]; flags: string[] }

/**
 * Sorts arguments: those that are files, folders or patterns say which tests, all others go to the runner as
 * they are. Without any, all tests of the project.
 *
 * @throws {Problem} `no_such_test` when a named test file is not there
 */
export function readTestRequest(args: readonly string[], root: string): TestRequest {
  const flags: string[] = []
  const patterns: string[] = []
  for (const [index, arg] of args.entries()) {
    const path = join(root, arg)
    const isValue = /^--[^=]+$/.test(args[index - 1] ?? '') && !/[/*]|\.ts$/.test(arg)
    if (arg.startsWith('-') || isValue) flags.push(arg)
    else if (existsSync(path)) patterns.push(statSync(path).isDirectory() ? join(arg, '**/*.test.ts') : arg)
    else if (arg.endsWith('.ts')) patterns.push(arg)
    else flags.push(arg)
  }
  if (patterns.length === 0) patterns.push('{src,runtimes,bench,test}/**/*.test.ts')
  const files = patterns.flatMap(pattern => {
    const found = globSync(pattern, {
      cwd: root,
      exclude: name => name === 'node_modules' || name === 'fixtures',
    })
    if (found.length > 0) return found
    throw new Problem({
      code: 'no_such_test',
      status: 400,
      detail: `No test file matches "${pattern}" in ${root}.`,
    })
  })
  return { files: [...new Set(files)].sort(), flags }
}

/** Argument vector of Node's test runner; what the user gives comes last and wins. */
export function runnerArguments({ files, flags }: TestRequest): string[] {
  return [
    '--test',
    // Tests wait for the engine more than they compute; two at a time fit on two cores.
    `--test-concurrency=${Math.max(2, Math.floor(availableParallelism() / 2))}`,
    `--test-timeout=${TEST_LIMIT_MS}`,
    ...(flags.some(flag => flag.startsWith('--test-reporter')) ? [] : ['--test-reporter=spec']),
    ...flags,
    ...files,
  ]
}

/** Each file of tests is a process, and most of them load the same modules: a third of the CPU time of the quick ones. */
const sharedCode = { NODE_COMPILE_CACHE: hostEnvironment['NODE_COMPILE_CACHE'] }

/** Of code that was compiled before V8 counts coverage less precisely. */
function measuresCoverage({ flags }: TestRequest): boolean {
  return (
    flags.some(flag => flag.startsWith('--experimental-test-coverage')) || 'NODE_V8_COVERAGE' in process.env
  )
}

/** Resolves with the runner's exit code. */
function runTests(request: TestRequest): Promise<number> {
  return new Promise((resolve, reject) => {
    const runner = spawn(process.execPath, runnerArguments(request), {
      cwd: packageRoot,
      stdio: 'inherit',
      env: { ...(measuresCoverage(request) ? {} : sharedCode), ...process.env },
    })
    const timer = setTimeout(() => {
      console.error(`The tests were not done after ${RUN_LIMIT_MS / 60_000} minutes and are stopped.`)
      runner.kill('SIGTERM')
      setTimeout(() => runner.kill('SIGKILL'), REPORT_MS).unref()
    }, RUN_LIMIT_MS)
    // From a terminal, Ctrl-C reaches the runner by itself.
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.on(signal, () => {
        if (signal === 'SIGTERM' || !process.stdin.isTTY) runner.kill(signal)
      })
    runner.on('error', reject)
    runner.on('exit', code => {
      clearTimeout(timer)
      resolve(code ?? 1)
    })
  })
}

if (import.meta.main) {
  try {
    const request = readTestRequest(process.argv.slice(2), packageRoot)
    await prepare()
    process.exit(await runTests(request))
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    console.error(messageOf(error))
    process.exitCode = 1
  }
}
