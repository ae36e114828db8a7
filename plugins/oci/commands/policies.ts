// SPDX-License-Identifier: AGPL-3.0-or-later
import type { CommandCall, DeclaredCommand } from '../../../core/command.ts'
import { facts, table } from '../../../core/table.ts'
import { localTime } from '../../../core/times.ts'
import { OCI_ACTIONS, type OciPolicy, type OciPolicyList } from '../../../schemas/oci-policy.ts'
import { apiPath } from './admin.ts'
import { readJsonFile } from './json-file.ts'

const FAILED = 1
const NAME = { name: 'NAME', summary: 'name of the policy' }

const who = ({ users, groups, jobs }: OciPolicy) =>
  [
    ...users.map((name) => (name === '*' ? 'all users' : name)),
    ...groups.map((name) => `group ${name}`),
    ...jobs.map((id) => (id === '*' ? 'all jobs' : `job ${id}`)),
  ].join(', ') || 'nobody but admins'

const lines = (policy: OciPolicy) =>
  facts([
    ['policy', policy.name],
    ['repositories', policy.repositories.join(', ')],
    ['who', who(policy)],
    ['may', policy.actions.join(', ')],
    ['changed', `${localTime(policy.changed_at)} by ${policy.changed_by}`],
  ])

export const policyLsCommand: DeclaredCommand = {
  name: 'policy ls',
  summary: 'who may do what to which repositories',
  about: 'A repository that no policy names goes by the roles of users.',
  examples: ['slipway oci policy ls'],
  async call({ client, out }) {
    const list = await (await client()).json<OciPolicyList>('GET', apiPath('policies'))
    out.answer(list, ({ policies, anonymous_pull }) => [
      ...(policies.length === 0
        ? ['no policies: roles decide']
        : policyRows(policies, out.columns())),
      ...(anonymous_pull.length > 0 ? [`anybody may pull: ${anonymous_pull.join(', ')}`] : []),
    ])
    return 0
  },
}

const policyRows = (policies: readonly OciPolicy[], width: number | undefined) =>
  table(
    policies,
    [
      { title: 'POLICY', value: ({ name }) => name },
      { title: 'REPOSITORIES', value: ({ repositories }) => repositories.join(', '), cut: true },
      { title: 'WHO', value: who, cut: true },
      { title: 'MAY', value: ({ actions }) => actions.join(', ') },
    ],
    width,
  )

export const policyShowCommand: DeclaredCommand = {
  name: 'policy show',
  summary: 'one policy',
  arguments: [NAME],
  examples: ['slipway oci policy show images'],
  async call({ args: [name = ''], client, out }) {
    const policy = await (await client()).json<OciPolicy>('GET', apiPath('policies', name))
    out.answer(policy, lines)
    return 0
  },
}

export const policySetCommand: DeclaredCommand = {
  name: 'policy set',
  summary: 'make a policy, or put another one in its place',
  about:
    'A repository that any policy names is closed to all but admins and those whom one of its policies\nnames. `*` as a user is everybody who logs in, as a job every job.',
  arguments: [NAME],
  options: {
    repository: { value: 'GLOB', repeat: true, summary: 'where: * within a part, ** over parts' },
    member: { value: 'USER', repeat: true, summary: 'who, by name (--user is the login), or *' },
    group: { value: 'NAME', repeat: true, summary: 'who, by group' },
    job: { value: 'ID', repeat: true, summary: 'which job, or *' },
    action: { value: 'ACTION', repeat: true, choices: OCI_ACTIONS, summary: 'what they may do' },
    file: { short: 'f', value: 'FILE', summary: 'the policy as JSON instead; - is standard input' },
  },
  examples: [
    "slipway oci policy set images --repository 'os/**' --group builders --action pull --action push",
  ],
  async call(call) {
    const { args, client, out } = call
    const body = await policyOf(call)
    const path = apiPath('policies', args[0] ?? '')
    out.answer(await (await client()).json<OciPolicy>('PUT', path, { body }), lines)
    return 0
  },
}

async function policyOf({ flags, usage }: CommandCall): Promise<unknown> {
  const words = ['repository', 'member', 'group', 'job', 'action'] as const
  const file = flags.text('file')
  if (file !== undefined) {
    const other = words.find((word) => flags.on(word))
    if (other) throw usage(`--file and --${other} exclude each other`)
    return readJsonFile(file)
  }
  const [repositories, actions] = [flags.list('repository'), flags.list('action')]
  if (repositories.length === 0 || actions.length === 0) {
    throw usage('at least one --repository and one --action are needed, or --file')
  }
  return {
    repositories,
    users: flags.list('member'),
    groups: flags.list('group'),
    jobs: flags.list('job'),
    actions,
  }
}

export const policyRmCommand: DeclaredCommand = {
  name: 'policy rm',
  summary: 'take a policy away',
  arguments: [NAME],
  options: { yes: { short: 'y', summary: 'do not ask' } },
  examples: ['slipway oci policy rm images --yes'],
  async call(call) {
    const { args, client, out } = call
    const [name = ''] = args
    if (!(await call.confirmed(`Take the policy ${name} away?`))) return FAILED
    await (await client()).request('DELETE', apiPath('policies', name))
    out.answer({ removed: name }, () => [`the policy ${name} counts no more`])
    return 0
  },
}
