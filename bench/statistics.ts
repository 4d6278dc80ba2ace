/**
 * The value below which a share of the samples lies, between neighbours in proportion (R's type 7, what
 * NumPy and spreadsheets give). Of no samples: NaN.
 * @param share 0 to 1
 */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b)
  const at = share * (sorted.length - 1)
  const below = sorted[Math.floor(at)] ?? Number.NaN
  const above = sorted[Math.ceil(at)] ?? Number.NaN
  return below + (above - below) * (at - Math.floor(at))
}
