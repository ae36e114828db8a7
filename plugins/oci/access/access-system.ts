// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path'
import { isOurHost } from '../../../core/addresses.ts'
import type { Principal } from '../../../core/auth/auth.ts'
import type { Routes } from '../../../core/hooks.ts'
import type { Host } from '../../../core/plugin.ts'
import { createThrottle } from '../../../core/throttle.ts'
import { MINUTE } from '../../../core/units.ts'
import type { OciAction } from '../../../schemas/oci-policy.ts'
import type { Denial, Doorman } from '../access.ts'
import type { OciConfig } from '../config.ts'
import { type AckedBytes, openAckedBytes } from '../http/tcp-acked.ts'
import type { OciEvent } from '../watch/events.ts'
import { createDoorman } from './doorman.ts'
import { createIdentifier } from './doorman-identity.ts'
import { createJobCredentials } from './job-credential.ts'
import { createJobHooks, type JobHooks } from './job-hooks.ts'
import { createJobImages } from './job-image.ts'
import { createJobPulls } from './job-pull.ts'
import { createPolicyBook } from './policy-book.ts'
import { mountPolicies } from './policy-routes.ts'
import { createTokens } from './token.ts'
import { mountTokenEndpoint } from './token-endpoint.ts'
import { createTokenKeys } from './token-keys.ts'
import { createRefreshTokens } from './token-refresh.ts'

/** Failed tries with logins of jobs and refresh tokens, of one address in a minute. */
const MOST_TRIES = 10

/** Everything that says who may do what. */
export interface AccessSystem {
  readonly doorman: Doorman
  readonly jobs: JobHooks
  /** What who logged in at the API may see of a repository. */
  maySee(principal: Principal, action: OciAction, repository: string): boolean
  /** To be called with every event of the registry. */
  watch(event: OciEvent): void
  open(scope: AsyncDisposableStack): Promise<void>
  /** To be called before the registry takes all below `/v2`. */
  mount(routes: Routes): void
}

/** Puts it together; opens nothing. */
export function createAccessSystem(
  host: Host,
  config: OciConfig,
  onDenied: (denial: Denial) => void,
): AccessSystem {
  const { addresses, auth, db, jobs, log, metrics, now, sealer } = host
  const keys = createTokenKeys(join(host.dataDir, 'keys'), now)
  const tokens = createTokens(keys, now)
  const refresh = createRefreshTokens({ db, auth, now })
  const policies = createPolicyBook({ db, now, anonymousPull: config.anonymous_pull })
  const credentials = createJobCredentials({ db, jobs, sealer, now })
  const throttle = createThrottle({ limit: MOST_TRIES, windowMs: MINUTE, now })
  const identifier = createIdentifier({ auth, tokens, credentials, throttle })
  const refusals = metrics.counter(
    'slipway_oci_refused_total',
    'Calls of the registry that were refused: a bad or missing login, too many tries, no right.',
  )
  const images = createJobImages({
    ...{ db, now, judge: policies.judge },
    isOurs: (hostName) => isOurHost(hostName, addresses),
  })
  let acked: AckedBytes | undefined
  const pulls = createJobPulls({
    ...{ db: db.read, see: host.see, log },
    acked: { read: () => acked?.read() },
  })
  const jobHooks = createJobHooks({ jobs, images, credentials, pulls, log })
  const doorman = createDoorman({
    ...{ identifier, judge: policies.judge, scheme: config.auth, publicUrl: config.public_url },
    onRefused: (reason) => refusals.add({ reason }),
    onDenied,
  })
  return {
    doorman,
    jobs: jobHooks,
    maySee: ({ name, role, groups = [] }, action, repository) =>
      policies.judge.may({ kind: 'user', name, role, groups }, action, repository),
    watch: pulls.watch,
    async open(scope) {
      acked = scope.use(openAckedBytes(log))
      await keys.open()
      await policies.open()
      await jobHooks.open(scope)
    },
    mount({ open, api, describe }) {
      mountTokenEndpoint(open, { identifier, tokens, refresh, policies, log, auth })
      mountPolicies({ api, describe, policies, auth })
    },
  }
}
