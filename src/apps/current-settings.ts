import { isDeepStrictEqual } from 'node:util'
import type { Context } from './context.ts'
import { renewed } from './rules.ts'
import { type EffectiveSettings, effectiveSettings } from './settings.ts'

/** The settings of one app as they were last read from the store. */
export class CurrentSettings {
  readonly #context: Context
  readonly #name: string
  #now: EffectiveSettings

  constructor(context: Context, name: string) {
    this.#context = context
    this.#name = name
    this.#now = this.#stored()
  }

  get now(): EffectiveSettings {
    return this.#now
  }

  /** Reads them again. Rules that are the same stay the same object. */
  read(): EffectiveSettings {
    const { rules } = this.#now
    const stored = this.#stored()
    this.#now = isDeepStrictEqual(stored.rules, rules) ? { ...stored, rules } : stored
    return this.#now
  }

  /** Reads them again for an app that is something else now. */
  renew(): void {
    const settings = this.read()
    this.#now = { ...settings, rules: renewed(settings.rules) }
  }

  #stored(): EffectiveSettings {
    const { config, store } = this.#context
    const own = store.app(this.#name)?.settings ?? {}
    return effectiveSettings(config, own, store.launch(this.#name)?.release.spec)
  }
}
