import type { Apps } from '../apps/apps.ts'
import type { Context } from '../apps/context.ts'
import type { Domains } from '../domains/domains.ts'
import type { Deployer } from '../releases/deploy.ts'
import type { Timeline } from '../snapshots/timeline.ts'

/** What the API's resources act on. */
export type Services = {
  context: Context
  apps: Apps
  deployer: Deployer
  timeline: Timeline
  domains: Domains
  version: string
}
