import { createRequire } from 'node:module'

/* undici's client alone: all of undici, with a `fetch`, caches and mocks, is 80 modules and 3 MB more. */
export const Client = createRequire(import.meta.url)(
  'undici/lib/dispatcher/client.js',
) as typeof import('undici').Client
export type Client = InstanceType<typeof Client>
