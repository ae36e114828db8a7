// SPDX-License-Identifier: AGPL-3.0-or-later
import {
  answers,
  dropsAfter,
  inTask,
  inTaskDone,
  isDrive,
  isInsert,
  refusal,
  shows,
} from '../fake-bmc/interceptions.ts'
import { type FaultCase, faultTable } from './case.ts'

const step = 'redfish.insert.boot'
const refused = (status: number, id: string, text?: string, args?: string[]) => () => [
  answers(isInsert, refusal(status, id, text, args)),
]
const once = (status: number, id: string, text?: string) => () => [
  answers(isInsert, refusal(status, id, text), 1),
]
const task = (TaskState: string, more: object = {}) => ({
  status: 200,
  body: { '@odata.id': '/redfish/v1/TaskService/Tasks/JOB', TaskState, ...more },
})
const broken = { MessageId: 'Base.1.8.GeneralError', Message: 'The share could not be mounted.' }

const CASES: readonly FaultCase[] = [
  {
    name: 'an insert is answered 204 and does nothing, once',
    source: 'terraform-provider-redfish #331',
    faults: () => [answers(isInsert, { status: 204 }, 2)],
  },
  {
    name: '503 to the first inserts, while an eject is under way',
    source: 'ironic boot.py:175-190, story 2008504',
    faults: () => [answers(isInsert, { status: 503 }, 3)],
  },
  {
    name: '500 to every insert',
    source: 'ironic boot.py:342',
    faults: refused(500, 'Base.1.8.InternalError', 'Internal error.'),
    fails: { step, code: 'redfish.insert', says: /did not take the image.*500.*Internal error/ },
  },
  {
    name: 'TransferProtocolType is wanted',
    source: 'sushy is_transfer_protocol_required',
    manners: { insertNeeds: ['TransferProtocolType'] },
  },
  {
    name: 'TransferMethod is wanted too',
    source: 'redfish.md 1.7 rule 2: the ladder',
    manners: { insertNeeds: ['TransferProtocolType', 'TransferMethod'] },
  },
  {
    name: 'a user and a password are wanted where there are none',
    source: 'sushy note vmedia-blank-auth, bug 2071945',
    manners: { insertNeeds: ['UserName', 'Password'] },
  },
  {
    name: 'Inserted is wanted',
    source: 'redfish.md 1.7 rule 2: "on Inserted required add Inserted:true"',
    manners: { insertNeeds: ['Inserted', 'WriteProtected'] },
  },
  {
    name: 'nothing but Image is taken',
    source: 'c.g :3103-3107 (iLO 4), sushy note fix-insert-media-payload',
    personality: 'hpe-dl360',
    manners: { insertParameters: ['Image'] },
  },
  {
    name: 'Stream is the only TransferMethod, true the only Inserted',
    source: 'bmcweb virtual_media.hpp:142-264',
    manners: { insertOnly: { TransferMethod: 'Stream', Inserted: true } },
  },
  {
    name: 'an empty drive says once that it is taken',
    source: 'iLO MaxVirtualMediaConnectionEstablished: redfishdocs registries',
    faults: once(400, 'iLO.2.15.MaxVirtualMediaConnectionEstablished'),
  },
  {
    name: 'an empty drive says once VRM0012',
    source: 'iDRAC: VirtualMedia.1.Attached must be free (idrac-scr #236)',
    faults: once(500, 'IDRAC.2.8.VRM0012', 'The drive is already attached.'),
  },
  {
    name: 'an empty drive says once ConnectionOccupied',
    source: 'redfish.md 2: iBMC.1.0.ConnectionOccupied',
    faults: once(409, 'iBMC.1.0.ConnectionOccupied'),
  },
  {
    name: 'a drive that is taken for ever',
    source: 'redfish.md 3: "InsertMedia refusing an occupied slot"',
    faults: refused(409, 'Base.1.8.ResourceInUse', 'The drive is in use.'),
    fails: { step, code: 'redfish.insert', says: /409.*in use/ },
  },
  {
    name: 'the licence is missing at an iLO',
    source: 'redfishdocs: LicenseKeyRequired',
    faults: refused(400, 'iLO.2.15.LicenseKeyRequired'),
    fails: { step, code: 'redfish.license', says: /lacks a licence.*install it/ },
  },
  {
    name: 'the licence is missing at a Supermicro',
    source: 'supermicro-product-key #2: OemLicenseNotPassed 401/403',
    personality: 'supermicro-x13',
    faults: refused(403, 'SMC.1.0.OemLicenseNotPassed', 'Not licensed to perform this request.'),
    fails: { step, code: 'redfish.license', says: /lacks a licence/ },
  },
  {
    name: 'the system is locked down',
    source: 'libredfish dell.rs: lockdown blocks settings',
    faults: refused(403, 'IDRAC.2.8.LC083', 'Not possible in system lockdown mode.'),
    fails: { step, code: 'redfish.locked', says: /lift the lockdown/ },
  },
  {
    name: 'the privilege for virtual media is missing',
    source: 'redfishdocs: missing VirtualMediaPriv',
    faults: refused(403, 'Base.1.8.InsufficientPrivilege', 'Insufficient privilege.'),
    fails: { step, code: 'redfish.unauthorized', says: /privileges/ },
  },
  {
    name: 'the image is not found by its name',
    source: 'jetlag #641, #286: no DNS at the BMC',
    faults: refused(400, 'IDRAC.2.8.VRM0016', 'Unable to locate the ISO or IMG image file'),
    fails: { step, code: 'redfish.insert', says: /Unable to locate.*can reach this box/ },
  },
  {
    name: 'the task of an insert ends in Exception',
    source: 'redfish.md 3: 202 and a task monitor; xFusion 3.08',
    faults: () => [inTask(isInsert, [task('Exception', { Messages: [broken] })])],
    fails: { step, code: 'redfish.task', says: /ended as Exception.*could not be mounted/ },
  },
  {
    name: 'the task’s messages are one object',
    source: 'redfish.md 2: xFusion 2288H V7, "Messages as ONE OBJECT"',
    faults: () => [inTask(isInsert, [task('Exception', { Messages: broken })])],
    fails: { step, code: 'redfish.task', says: /could not be mounted/ },
  },
  {
    name: 'the task ends as Failed, which no standard knows',
    source: 'bmclib supermicro tasks_1_failed',
    faults: () => [inTask(isInsert, [task('Running'), task('Failed', { Messages: [broken] })])],
    fails: { step, code: 'redfish.task', says: /ended as Failed/ },
  },
  {
    name: 'the task never ends',
    source: 'redfish.md 1.7 rule 11: insert up to 180 s',
    faults: () => [inTask(isInsert, [task('Running')])],
    set: ['redfish.insert_timeout_s=0.3'],
    fails: { step, code: 'redfish.task', says: /did not end within 0.3 s.*job queue/ },
  },
  {
    name: 'the task is gone after one look',
    source: 'lenovo-py utils: TaskMonitor GET deletes the task',
    faults: () => [inTaskDone(isInsert, [task('Running'), { status: 404 }])],
  },
  {
    name: 'the task has states of its own on its way',
    source: 'redfish.md 2: H3C HDM TaskState Mounting',
    faults: () => [inTaskDone(isInsert, [task('Mounting'), task('Completed')])],
  },
  {
    name: 'the answer of an insert is lost, its work is not',
    source: 'libredfish network.rs req(): retry once on network error',
    faults: () => [dropsAfter(isInsert, 1)],
  },
  {
    name: 'the image is shown without its port',
    source: 'redfish.md 2: xFusion 2288H V7 3.08',
    faults: () => [
      shows(isDrive, (body) => ({ ...body, Image: body.Image?.replace(/:\d+\//, '/') ?? null })),
    ],
  },
  {
    name: 'the drive shows another image than ours',
    source: 'ironic note fix-redfish-vmedia-stale-insert-skip',
    faults: () => {
      const change = (body: { Inserted: boolean }) =>
        body.Inserted ? { ...body, Image: 'http://192.0.2.9/other.iso' } : body
      return [shows(isDrive, change)]
    },
    fails: {
      step,
      code: 'redfish.insert-without-effect',
      says: /another image than ours: eject it/,
    },
  },
  {
    name: 'the whole image is fetched before the insert is answered',
    source: 'sushy-tools source: downloads before insert',
    manners: { fetchesWhole: true },
  },
  {
    name: 'the first drives take no image, with 400',
    source: 'ironic note handle-dvd-only-vmedia, bug 2031595',
    personality: 'cisco-ucsx',
    notes: /planning again without it/,
  },
  {
    name: 'the first drives take no image, with 405',
    source: 'ironic note cisco-c845a-vmedia-fix',
    personality: 'cisco-c845a',
    notes: /planning again without it/,
  },
  {
    name: 'no drive takes an image, though all are listed',
    source: 'ironic bug 2031595: KVM-only slots',
    personality: 'cisco-ucsx',
    manners: { kvmDrives: /./ },
    fails: { step, code: 'redfish.insert', says: /not supported by the drive.*Check/ },
  },
]

faultTable(CASES)
