/** One entry of a Server-Timing header: `wake;desc=cold;dur=142`. */
export type Timing = { name: string; description: string | undefined; ms: number }

/** The entries that carry a duration. Quoted descriptions may not hold commas or semicolons, which ours never do. */
export function readServerTiming(header: string): Timing[] {
  return header.split(',').flatMap(entry => {
    const [name = '', ...parameters] = entry.split(';').map(part => part.trim())
    const values = new Map(parameters.map(part => part.split('=', 2) as [string, string]))
    const ms = Number(values.get('dur') ?? Number.NaN)
    return name === '' || Number.isNaN(ms) ? [] : [{ name, description: values.get('desc'), ms }]
  })
}
