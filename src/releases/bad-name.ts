import { Problem } from '../problem.ts'

/** What the name of an app may be, in one sentence. */
export function badName(app: string): Problem {
  return new Problem({
    code: 'invalid_app_name',
    status: 400,
    detail: `"${app.slice(0, 60)}" cannot name an app; accepted: 1 to 40 of a-z, 0-9 and "-", not at its ends; dormice, www and hooks are reserved`,
  })
}
