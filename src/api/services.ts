import type { Apps } from '../apps/apps.ts'
import type { Context } from '../apps/context.ts'
import type { Domains } from '../domains/domains.ts'
import type { Deployer } from '../releases/deploy.ts'
import type { Timeline } from '../snapshots/timeline.ts'
import type { Traffic } from '../traffic/traffic.ts'

/** What the API's resources act on. */
export type Services = {
  context: Context
  apps: Apps
  deployer: Deployer
  timeline: Timeline
  domains: Domains
  traffic: Traffic
  version: string
}
