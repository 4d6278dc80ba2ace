import type { Apps } from '../apps/apps.ts'
import type { Context } from '../apps/context.ts'
import type { Domains } from '../domains/domains.ts'
import type { Deployer } from '../releases/deploy.ts'
import type { Timeline } from '../snapshots/timeline.ts'
import type { Traffic } from '../traffic/traffic.ts'

/** The host's certificates. Times in epoch ms. */
export type Certificates = {
  readonly mode: 'auto' | 'files'
  /** Whether visitors find a certificate for this host, lower case. */
  offers(host: string): boolean
  status(): {
    certificates: { names: readonly string[]; notAfter: number }[]
    failures: {
      subject: string
      detail: string
      since: number
      retryAt: number
      notAfter: number | undefined
    }[]
  }
}

/** What the API's resources act on. */
export type Services = {
  context: Context
  apps: Apps
  deployer: Deployer
  timeline: Timeline
  domains: Domains
  traffic: Traffic
  /** Undefined: there is no HTTPS. */
  tls: Certificates | undefined
  version: string
}
