import { z } from 'zod'

const Path = z
  .string()
  .max(200)
  .startsWith('/', 'accepted: paths that begin with "/", e.g. "/health", "/wp-*"')

const SHAPE =
  'accepted: an object such as {"paths": ["/health", "/wp-*"], "userAgents": ["monitors", "crawlers"]}'

/** Requests that neither wake an app nor keep it awake: those whose path or User-Agent is named. */
export const Ignore = z.strictObject(
  {
    paths: z
      .array(Path)
      .max(64, 'accepted: at most 64 paths')
      .optional()
      .describe('Paths without their query, e.g. "/favicon.ico"; * stands for anything.'),
    userAgents: z
      .array(z.string().min(1).max(200))
      .max(64, 'accepted: at most 64 parts of User-Agent headers')
      .optional()
      .describe(
        'Parts of User-Agent headers, e.g. "UptimeRobot", in any case; * stands for anything. ' +
          '"monitors" and "crawlers" stand for the known ones.',
      ),
  },
  { error: ({ code }) => (code === 'invalid_type' ? SHAPE : undefined) },
)
export type Ignore = z.infer<typeof Ignore>
