// SPDX-License-Identifier: AGPL-3.0-or-later
import type { MiddlewareHandler } from 'hono'
import * as v from 'valibot'
import type { Auth } from '../../../core/auth/auth.ts'
import type { Routes } from '../../../core/hooks.ts'
import type { ApiEnv } from '../../../core/http/env.ts'
import type { OperationTable } from '../../../core/http/operation.ts'
import { readJson } from '../../../core/http/read-json.ts'
import { MiB } from '../../../core/units.ts'
import {
  OciPolicy,
  OciPolicyList,
  OciPolicyName,
  OciPolicyRequest,
} from '../../../schemas/oci-policy.ts'
import { accessFaults } from './access-faults.ts'
import type { PolicyBook } from './policy-book.ts'

const ALL = '/api/v1/oci/policies'
const ONE = `${ALL}/:policy`

const policyOperations: OperationTable = {
  tag: 'registry access',
  about: 'Who may do what to which repositories of the registry.',
  schemas: { OciPolicyRequest, OciPolicy, OciPolicyList },
  operations: [
    {
      ...{ method: 'get', path: ALL, id: 'listOciPolicies', access: 'admin' },
      summary: 'All policies, and what anybody may pull',
      answers: { 200: { says: 'the policies by name', schema: OciPolicyList } },
    },
    {
      ...{ method: 'get', path: ONE, id: 'getOciPolicy', access: 'admin' },
      summary: 'One policy',
      answers: { 200: { says: 'the policy', schema: OciPolicy } },
      faults: ['request.not-found'],
    },
    {
      ...{ method: 'put', path: ONE, id: 'putOciPolicy', access: 'admin' },
      summary: 'Make a policy, or put another one in its place',
      about:
        'Policies only allow. A repository that no policy names goes by roles: a viewer pulls and lists, an operator pushes too, an admin may do all. One that any policy names is closed to all but admins and those whom one of its policies names. It counts from the next request on, for tokens that were made before too.',
      body: OciPolicyRequest,
      answers: { 200: { says: 'the policy', schema: OciPolicy } },
      faults: ['oci.policy-name'],
    },
    {
      ...{ method: 'delete', path: ONE, id: 'removeOciPolicy', access: 'admin' },
      summary: 'Take a policy away',
      answers: { 204: { says: 'it counts no more' } },
      faults: ['request.not-found'],
    },
  ],
}

export interface PolicyRouteParts extends Pick<Routes, 'api' | 'describe'> {
  readonly policies: PolicyBook
  readonly auth: Pick<Auth, 'require'>
}

/** `/api/v1/oci/policies`, for admins. */
export function mountPolicies({ api, describe, policies, auth }: PolicyRouteParts): void {
  const adminOnly: MiddlewareHandler<ApiEnv> = async (c, next) => {
    auth.require(c.get('principal'), 'admin')
    await next()
  }
  describe(policyOperations)
  api.use(ALL, adminOnly)
  api.use(ONE, adminOnly)
  api.get(ALL, async (c) =>
    c.json({
      policies: await policies.list(),
      anonymous_pull: policies.anonymousPull,
    } satisfies OciPolicyList),
  )
  api.get(ONE, async (c) => c.json(await policies.get(c.req.param('policy'))))
  api.put(ONE, async (c) => {
    const name = c.req.param('policy')
    if (!v.is(OciPolicyName, name)) {
      throw accessFaults.policyName(
        'the name of a policy must be 1 to 64 of a-z, 0-9, dot, underscore, hyphen',
      )
    }
    c.set('audited', { object: `policy ${name}` })
    const policy = await readJson(c, OciPolicyRequest, MiB)
    return c.json(await policies.put(name, policy, c.get('principal').name))
  })
  api.delete(ONE, async (c) => {
    const name = c.req.param('policy')
    c.set('audited', { object: `policy ${name.slice(0, 64)}` })
    await policies.remove(name)
    return c.body(null, 204)
  })
}
