import { z } from 'zod'

const Look = z.strictObject({
  title: z
    .string()
    .min(1)
    .max(80)
    .optional()
    .describe('What it says first; "<app> is waking up" when left out.'),
  message: z.string().max(300).optional().describe('What it says below; may be empty.'),
  colour: z
    .string()
    .regex(/^#[0-9a-f]{6}$/i, 'accepted: a colour such as "#a0522d"')
    .optional()
    .describe('Of its bar, e.g. "#a0522d".'),
  icon: z
    .string()
    .min(1)
    .max(16)
    .optional()
    .describe('A character or two in place of its picture, e.g. "🌻".'),
})

/** The page that a browser shows while an app wakes that is known to be slow at it. */
export const Waiting = z.union([z.literal('off'), Look], {
  error: 'accepted: "off", or an object with "title", "message", "colour" (e.g. "#a0522d") and "icon"',
})
export type Waiting = z.infer<typeof Waiting>
/** How it looks where it is not off. */
export type Look = z.infer<typeof Look>
