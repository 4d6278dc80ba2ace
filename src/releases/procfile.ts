/**
 * The command of the `web` process in a `Procfile`; undefined when it has none. Other process types are not run.
 * A Procfile is lines of `<type>: <command>`; lines of any other shape are ignored, as its other readers do.
 */
export function webCommand(procfile: string): string | undefined {
  return /^web\s*:[ \t]*(\S.*?)\s*$/m.exec(procfile.replace(/^\uFEFF/, ''))?.[1]
}
