import { z } from 'zod'
import { Manifest } from './manifest.ts'

/**
 * Text of `schema/dormice.schema.json`, the JSON schema of `dormice.json` as its authors write it, made of the
 * schema that uploads are checked with. Write it anew with `node src/releases/manifest-schema.ts > schema/…`.
 */
export function manifestSchema(): string {
  const { $schema, ...schema } = z.toJSONSchema(Manifest, {
    io: 'input',
    override({ jsonSchema }) {
      // zod's own name of a format, which other validators warn about; the pattern beside it says the same.
      if (jsonSchema.format === 'starts_with') delete jsonSchema.format
    },
  })
  return `${JSON.stringify({ $schema, title: 'dormice.json', ...schema }, null, 2)}\n`
}

if (import.meta.main) process.stdout.write(manifestSchema())
