// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Operation, OperationTable } from '../../../core/http/operation.ts'
import {
  OciFsckRequest,
  OciGcRequest,
  OciGcStatus,
  OciInspected,
  OciPlanRequest,
  OciQuotaRequest,
  OciQuotas,
  OciRepository,
  OciRepositoryDeleted,
  OciRepositoryList,
  OciRescanRequest,
  OciRetention,
  OciRetentionRequest,
  OciRollbackRequest,
  OciRolledBack,
  OciScrubRequest,
  OciScrubStatus,
  OciTagHistory,
  OciTagList,
  OciTask,
  OciTaskList,
  OciUploadList,
} from '../../../schemas/oci-admin.ts'
import { OciFindingQuery, OciPageQuery, OciRepositoryQuery } from '../../../schemas/oci-query.ts'
import { OciFindingList, OciReport, OciRetentionPlan } from '../../../schemas/oci-report.ts'

const PATH = '/api/v1/oci'
const ONE = `${PATH}/repositories/:name`

const reading = { method: 'get', access: 'viewer' } as const
const changing = { method: 'post', access: 'admin' } as const
const NAMED = 'The name is one path segment: `t/os` is written `t%2Fos`.'
const TASK = 'The task goes on after the answer: watch it under its id. One of a kind at a time.'

const started = (
  path: string,
  id: string,
  summary: string,
  more: Partial<Operation> = {},
): Operation => ({
  ...{ ...changing, path: `${PATH}/${path}`, id, summary, about: TASK },
  answers: { 202: { says: 'the task', schema: OciTask } },
  ...more,
  faults: ['oci-care.busy', ...(more.faults ?? [])],
})

const pauses = (what: 'gc' | 'scrub', word: 'pause' | 'resume', id: string): Operation => ({
  ...{ ...changing, path: `${PATH}/${what}/${word}`, id },
  summary: `${word === 'pause' ? 'Hold' : 'Let'} the ${what === 'gc' ? 'garbage collection' : 'scrub'} ${word === 'pause' ? 'up' : 'go on'}`,
  answers: { 200: { says: 'its status', schema: what === 'gc' ? OciGcStatus : OciScrubStatus } },
})

const repositories: readonly Operation[] = [
  {
    ...{ ...reading, path: `${PATH}/repositories`, id: 'listOciRepositories' },
    summary: 'Repositories by name, with what they hold',
    query: OciRepositoryQuery,
    answers: { 200: { says: 'a page', schema: OciRepositoryList } },
  },
  {
    ...{ ...reading, path: ONE, id: 'getOciRepository', about: NAMED },
    summary: 'One repository',
    answers: { 200: { says: 'what it holds', schema: OciRepository } },
    faults: ['oci-care.not-found'],
  },
  {
    ...{ method: 'delete', access: 'admin', path: ONE, id: 'removeOciRepository' },
    summary: 'Take everything out of a repository',
    about: `${NAMED} Bytes and folder go with the next garbage collection.`,
    answers: { 200: { says: 'what it held', schema: OciRepositoryDeleted } },
    faults: ['oci-care.not-found', 'oci.denied'],
  },
  {
    ...{ ...reading, path: `${ONE}/tags`, id: 'listOciTags', about: NAMED },
    summary: 'Tags by name',
    query: OciPageQuery,
    answers: { 200: { says: 'a page', schema: OciTagList } },
    faults: ['oci-care.not-found'],
  },
  {
    ...{ ...reading, path: `${ONE}/manifests/:reference`, id: 'inspectOci', about: NAMED },
    summary: 'A manifest by tag or digest: what it points at, and what points at it',
    answers: { 200: { says: 'the manifest', schema: OciInspected } },
    faults: ['oci-care.not-found'],
  },
  {
    ...{ ...reading, path: `${ONE}/tags/:tag/history`, id: 'getOciTagHistory', about: NAMED },
    summary: 'The moves of a tag, of a deleted one too',
    answers: { 200: { says: 'the newest first', schema: OciTagHistory } },
    faults: ['oci-care.not-found'],
  },
  {
    ...{ ...changing, path: `${ONE}/tags/:tag/rollback`, id: 'rollBackOciTag', about: NAMED },
    summary: 'Point a tag at a digest that it had before',
    ...{ body: OciRollbackRequest, bodyOptional: true },
    answers: { 200: { says: 'where it points now', schema: OciRolledBack } },
    faults: ['oci-care.not-found', 'oci-care.gone', 'oci.denied'],
  },
]

const uploads: readonly Operation[] = [
  {
    ...{ ...reading, path: `${PATH}/uploads`, id: 'listOciUploads' },
    summary: 'Blobs on their way in',
    query: OciPageQuery,
    answers: { 200: { says: 'a page', schema: OciUploadList } },
  },
  {
    ...{ method: 'delete', access: 'admin', path: `${PATH}/uploads/:id`, id: 'removeOciUpload' },
    summary: 'Drop an upload with its bytes',
    answers: { 204: { says: 'it is gone' } },
    faults: ['oci-care.not-found', 'oci.upload-busy'],
  },
]

const gc: readonly Operation[] = [
  {
    ...{ ...reading, path: `${PATH}/gc`, id: 'getOciGc' },
    summary: 'The garbage collection: when it comes, and what the last one took',
    answers: { 200: { says: 'its status', schema: OciGcStatus } },
  },
  started('gc', 'startOciGc', 'Collect garbage, or say what would go', {
    ...{ body: OciGcRequest, bodyOptional: true },
  }),
  pauses('gc', 'pause', 'pauseOciGc'),
  pauses('gc', 'resume', 'resumeOciGc'),
]

const rules: readonly Operation[] = [
  {
    ...{ ...reading, path: `${PATH}/retention`, id: 'getOciRetention' },
    summary: 'Which tags stay, and which nobody may move',
    answers: { 200: { says: 'the rules in their order', schema: OciRetention } },
  },
  {
    ...{ method: 'put', access: 'admin', path: `${PATH}/retention`, id: 'putOciRetention' },
    summary: 'Replace the rules that came this way before',
    body: OciRetentionRequest,
    answers: { 200: { says: 'the rules in their order', schema: OciRetention } },
  },
  {
    ...{ ...changing, path: `${PATH}/retention/plan`, id: 'planOciRetention' },
    summary: 'What the rules, or others, would remove now',
    ...{ body: OciPlanRequest, bodyOptional: true },
    answers: { 200: { says: 'the plan', schema: OciRetentionPlan } },
  },
  started('retention/apply', 'applyOciRetention', 'Remove the tags that no rule keeps'),
  {
    ...{ ...reading, path: `${PATH}/quota`, id: 'getOciQuota' },
    summary: 'Quotas with their use, and the disk',
    answers: { 200: { says: 'quotas and disk', schema: OciQuotas } },
  },
  {
    ...{ method: 'put', access: 'admin', path: `${PATH}/quota`, id: 'putOciQuota' },
    summary: 'Replace the quotas that came this way before',
    body: OciQuotaRequest,
    answers: { 200: { says: 'quotas and disk', schema: OciQuotas } },
  },
]

const checks: readonly Operation[] = [
  {
    ...{ ...reading, path: `${PATH}/scrub`, id: 'getOciScrub' },
    summary: 'Where the scrub stands, and how many findings are open',
    answers: { 200: { says: 'its status', schema: OciScrubStatus } },
  },
  started('scrub', 'startOciScrub', 'Hash every object again, mend or quarantine', {
    ...{ body: OciScrubRequest, bodyOptional: true },
  }),
  pauses('scrub', 'pause', 'pauseOciScrub'),
  pauses('scrub', 'resume', 'resumeOciScrub'),
  {
    ...{ ...reading, path: `${PATH}/findings`, id: 'listOciFindings' },
    summary: 'What was found damaged, and what became of it',
    query: OciFindingQuery,
    answers: { 200: { says: 'the newest first', schema: OciFindingList } },
  },
  started('fsck', 'startOciFsck', 'Compare files, rows and digests once, at full speed', {
    ...{ body: OciFsckRequest, bodyOptional: true },
  }),
  started('rescan', 'startOciRescan', 'Take over layouts that were put below repos/', {
    ...{ body: OciRescanRequest, bodyOptional: true },
  }),
  started('rebuild', 'startOciRebuild', 'Fill the database from the layouts on the disk'),
]

const tasks: readonly Operation[] = [
  {
    ...{ ...reading, path: `${PATH}/tasks`, id: 'listOciTasks' },
    summary: 'The last tasks, the newest first',
    answers: { 200: { says: 'the last fifty', schema: OciTaskList } },
  },
  {
    ...{ ...reading, path: `${PATH}/tasks/:id`, id: 'getOciTask' },
    summary: 'One task',
    answers: { 200: { says: 'as it is now', schema: OciTask } },
    faults: ['oci-care.not-found'],
  },
  {
    ...{ method: 'delete', access: 'admin', path: `${PATH}/tasks/:id`, id: 'cancelOciTask' },
    summary: 'Ask a task to stop',
    about: 'It ends after the step that it is at; the store is whole then.',
    answers: { 202: { says: 'the task', schema: OciTask } },
    faults: ['oci-care.not-found'],
  },
  {
    ...{ ...reading, path: `${PATH}/tasks/:id/events`, id: 'watchOciTask' },
    summary: 'The task at each change, until it is over',
    answers: { 200: { says: 'event `task`: an `OciTask`', types: ['text/event-stream'] } },
    faults: ['oci-care.not-found'],
  },
]

export const careOperations: OperationTable = {
  tag: 'registry',
  about: 'What the OCI registry holds, and who takes care of it.',
  schemas: {
    ...{ OciRepository, OciRepositoryList, OciRepositoryDeleted, OciTagList, OciInspected },
    ...{ OciTagHistory, OciRolledBack, OciUploadList, OciTask, OciTaskList, OciGcStatus },
    ...{ OciRetention, OciRetentionPlan, OciScrubStatus, OciFindingList, OciQuotas, OciReport },
    ...{ OciGcRequest, OciRollbackRequest, OciRetentionRequest, OciPlanRequest },
    ...{ OciScrubRequest, OciFsckRequest, OciRescanRequest, OciQuotaRequest },
  },
  operations: [...repositories, ...uploads, ...gc, ...rules, ...checks, ...tasks],
}
