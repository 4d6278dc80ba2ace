/** The data folder cannot be started on as it is: one sentence says what, where, and what to do. Nothing was touched. */
export class DataUnusable extends Error {
  override name = 'DataUnusable'
}
