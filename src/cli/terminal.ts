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
  print(JSON.stringify(value, null, 2))
}

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
