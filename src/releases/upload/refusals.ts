import { Problem } from '../../problem.ts'

/** Why an upload is refused: status, and the sentence; `@` stands for the entry's name in quotes. */
const REFUSALS = {
  upload_too_large: [413, 'The upload is too large.'],
  upload_interrupted: [400, 'The upload ended before it was complete; send it again.'],
  empty_upload: [400, 'The upload is empty; send a tar, tar.gz or zip of the folder, or one source file.'],
  unknown_format: [415, 'The format of the upload is not known.'],
  nested_archive: [
    400,
    'The upload is an archive inside a gzip that is no tar; send the tar.gz or the zip itself.',
  ],
  empty_archive: [400, 'The archive holds no files.'],
  archive_truncated: [
    400,
    'The archive ends in the middle: it was cut off while it was written or sent. Send it again.',
  ],
  archive_corrupt: [400, 'The archive is damaged.'],
  header_too_large: [413, 'The archive has an extended header of more than 4 MiB or 1000 records.'],

  name_empty: [400, '@ is an empty name; every entry needs one.'],
  name_nul: [400, '@ has a NUL character in its name.'],
  name_control: [400, '@ has a control character in its name.'],
  name_not_utf8: [400, '@ has a name that is not valid UTF-8.'],
  name_too_long: [
    400,
    '@ has a name that is too long; accepted are 4096 bytes, and 255 for each part of it.',
  ],
  path_absolute: [400, '@ is an absolute path; only paths inside the folder are accepted.'],
  path_traversal: [400, '@ has ".." in its path; only paths inside the folder are accepted.'],
  path_backslash: [400, '@ has a backslash in its path; use "/" between folders.'],
  path_drive: [400, '@ starts with a drive letter; only paths inside the folder are accepted.'],

  device_refused: [400, '@ is a device; accepted are files, folders, and links that stay inside.'],
  fifo_refused: [400, '@ is a FIFO; accepted are files, folders, and links that stay inside.'],
  entry_type_refused: [
    400,
    '@ is of a kind that is not accepted (a socket, a sparse file, a part of a volume, or unknown); accepted are plain files, folders, and links that stay inside.',
  ],
  symlink_outside: [400, '@ is a symbolic link that leaves the folder.'],
  hardlink_outside: [400, '@ is a hard link that leaves the folder.'],
  hardlink_target: [400, '@ is a hard link to something that is not a file earlier in the archive.'],
  link_unreadable: [400, '@ is a link; a file that says how the app runs has to be a file of its own.'],
  entry_under_symlink: [400, '@ lies under a symbolic link of the same archive.'],
  duplicate_entry: [400, '@ is in the archive twice, or as two different things.'],
  size_invalid: [
    400,
    '@ has a size that cannot be: negative, not a number, or on something that is no file.',
  ],

  too_many_entries: [413, 'The archive has too many entries.'],
  names_too_large: [413, 'The names in the archive are too long, taken together.'],
  entry_too_large: [413, '@ is too large.'],
  expands_too_much: [413, 'The contents are too large for an archive of this size.'],

  zip_encrypted: [400, '@ is encrypted; send the zip without a password.'],
  zip_method: [400, '@ is compressed in a way that is not accepted; accepted are "stored" and "deflate".'],
  zip_overlap: [400, '@ shares its bytes with another entry of the zip.'],
  zip_mismatch: [400, '@ is described differently in two places of the zip.'],
} as const satisfies Record<string, readonly [status: number, sentence: string]>

/** Stable codes of everything an upload is refused for; part of the public contract. */
export type RefusalCode = keyof typeof REFUSALS

export const REFUSAL_CODES = Object.keys(REFUSALS) as readonly RefusalCode[]

/** Characters of a name that are shown in a sentence. */
const SHOWN = 200

/**
 * The `Problem` of one refusal.
 * @param entry name of the offending entry, as the archive has it
 * @param more a further sentence: what exactly, what is accepted
 */
export function refusal(code: RefusalCode, { entry, more, cause }: RefusalParts = {}): Problem {
  const [status, sentence] = REFUSALS[code]
  const detail = sentence.replace('@', () => (entry === undefined ? 'An entry' : shown(entry)))
  return new Problem({
    code,
    status,
    detail: more ? `${detail} ${more}` : detail,
    data: entry === undefined ? {} : { entry: entry.slice(0, 4096) },
    cause,
  })
}

type RefusalParts = { entry?: string | undefined; more?: string | undefined; cause?: unknown }

function shown(name: string): string {
  const short = name.length > SHOWN ? `${name.slice(0, SHOWN)}…` : name
  // JSON escapes C0 only; the rest would still be able to play tricks with a terminal.
  return JSON.stringify(short).replace(
    /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
