import { z } from 'zod'

const ms = z.number().min(0)
const count = z.int().min(0)

/** One line of the access log. */
export const AccessLine = z.strictObject({
  time: z.iso.datetime().describe('When the request arrived.'),
  app: z.string(),
  method: z.string(),
  path: z.string().describe('Without the query, which may hold secrets.'),
  status: count.describe('What the visitor was answered; 0 when they left, or were cut off, before that.'),
  code: z
    .string()
    .optional()
    .describe(
      'Of an answer of the edge itself: as in its X-Dormice-Error header, or `answered` for what is no error. Not there when the app answered, or nobody.',
    ),
  aborted: z
    .enum(['visitor', 'app', 'edge'])
    .optional()
    .describe('Who ended it early; `edge`: for a sleep or a stop that could wait no longer.'),
  received: count.describe('Bytes of its body; of a WebSocket all that came through it.'),
  sent: count.describe('Bytes of the answer’s body; of a WebSocket all that was sent through it.'),
  ms: ms.describe('Milliseconds from its arrival to the end of the answer, or of the WebSocket.'),
  upstreamMs: ms
    .optional()
    .describe('Milliseconds from sending it to the app to the head of the answer. Not there without one.'),
  wake: z
    .enum(['none', 'cold', 'frozen'])
    .describe(
      'What it was held for: the start of a sleeping app, the thaw of a frozen one; `none`, too, when it was held in vain.',
    ),
  wakeMs: ms.optional().describe('Milliseconds that it was held. Not there when the app was awake.'),
  first: z
    .literal(true)
    .optional()
    .describe('It was the first request after a wake: the one that got X-Dormice-Wake.'),
  visitor: z
    .string()
    .describe('The address that it came from; behind a proxy of DORMICE_TRUST the one that the proxy names.'),
  protocol: z.string().describe('Version of HTTP, e.g. 1.1.'),
  requestId: z.string().describe('X-Request-Id, as the app got it.'),
})

/**
 * Text of `schema/access-record.schema.json`, the JSON schema of a line of the access log. Write it anew with
 * `node src/traffic/access-schema.ts > schema/…`.
 */
export function accessSchema(): string {
  const { $schema, ...schema } = z.toJSONSchema(AccessLine)
  return `${JSON.stringify({ $schema, title: 'A line of the access log of Dormice', ...schema }, null, 2)}\n`
}

if (import.meta.main) process.stdout.write(accessSchema())
