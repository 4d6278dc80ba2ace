const ustar = 257

/** Whether a blob is a JSON document and not a layer, plain or compressed, from how it begins. */
export function isJson(start: Buffer): boolean {
  // A tar may begin with a file whose name begins like this.
  return start[0] === 0x7b && start.toString('latin1', ustar, ustar + 5) !== 'ustar'
}
