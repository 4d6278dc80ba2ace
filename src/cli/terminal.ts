import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

/** The text in a style where the stream is a terminal that wants colours (`NO_COLOR`, `FORCE_COLOR`), else as it is. */
export function style(format: Style, text: string, stream: NodeJS.WriteStream): string {
  return styleText(format, text, { stream })
}

/** Prints one line of a command's result. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** Prints a remark beside the result, where no script reads it. */
export function remark(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** Prints a result for scripts. */
export function printJson(value: unknown): void {
  print(escaped(JSON.stringify(value, null, 2)))
}

/**
 * A name that anyone may have given (a file's, an image's) as one line that cannot command the terminal: in quotes
 * and with escapes, as git shows it, where it holds anything but characters that show as themselves.
 */
export function named(name: string): string {
  const json = oneLine(name)
  return json.slice(1, -1) === name ? name : json
}

/** A value as one line of JSON that cannot command the terminal. */
export function oneLine(value: unknown): string {
  return escaped(JSON.stringify(value))
}

/** A message in which anyone's words may be, as one line that cannot command the terminal. */
export function sentence(text: string): string {
  return printable(text)
    .replace(/\s*\n\s*/g, ' ')
    .replace(INVISIBLE, '')
}

/** JSON leaves these as they are. */
function escaped(json: string): string {
  return json.replace(INVISIBLE, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
/** Delete and the second set of controls, line separators, and what turns the direction of writing. */
const INVISIBLE = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/**
 * Text of an app or a build, safe to print on a terminal: colours stay; what would move the cursor, clear the
 * screen or set the title goes.
 */
export function printable(text: string): string {
  return text.replace(CONTROL, sequence =>
    COLOUR.test(sequence) || sequence === '\n' || sequence === '\t' ? sequence : '',
  )
}

/** CSI sequences; OSC, DCS and the like with their text; other escapes; single control characters. */
const CONTROL = new RegExp(
  [
    '(?:\\u001b\\[|\\u009b)[0-?]*[ -/]*[@-~]',
    '(?:\\u001b[\\]PX^_]|[\\u0090\\u0098\\u009d-\\u009f])[^\\u0007\\u001b\\u009c]*(?:\\u0007|\\u001b\\\\|\\u009c)?',
    '\\u001b[ -/]*[0-~]?',
    '[\\u0000-\\u001f\\u007f-\\u009f]',
  ].join('|'),
  'g',
)
const COLOUR = /^.\[[\d;:]*m$/
