// SPDX-License-Identifier: AGPL-3.0-or-later
import { overrideIgnored } from '../fake-bmc/faults.ts'
import {
  answers,
  drops,
  isBoot,
  isDrive,
  isEject,
  isReset,
  isResetTo,
  isSystem,
  refusal,
  shows,
} from '../fake-bmc/interceptions.ts'
import { type FaultCase, faultTable } from './case.ts'

const step = 'redfish.boot-override'
const bootOnce = (status: number, id: string, times: number) => () => [
  answers(isBoot, refusal(status, id), times),
]

const CASES: readonly FaultCase[] = [
  {
    name: 'the override is taken and not kept, ever',
    source: 'redfish.md 1.7 rule 5: read back; "a 2xx is not evidence"',
    faults: () => [overrideIgnored],
    fails: { step: 'await-media', code: 'redfish.not-booted', says: /one-time boot device/ },
  },
  {
    name: 'Boot is refused in the self test, and then taken',
    source: 'ironic management.py:128-209, bug 2136275',
    personality: 'hpe-dl360',
    faults: bootOnce(400, 'iLO.2.15.UnableToModifyDuringSystemPOST', 3),
  },
  {
    name: 'Boot is refused soon after a change of power',
    source: 'sushy connector.py:106: InvalidOperationForSystemState',
    faults: bootOnce(400, 'iLO.2.15.InvalidOperationForSystemState', 2),
  },
  {
    name: 'Boot is refused as long as the self test lasts, which does not end',
    source: 'ironic management.py:128-209',
    faults: bootOnce(400, 'iLO.2.15.UnableToModifyDuringSystemPOST', 999),
    set: ['redfish.boot_timeout_s=0.3'],
    fails: { step, code: 'redfish.boot', says: /UnableToModifyDuringSystemPOST.*not set/ },
  },
  {
    name: 'the weak ETag is refused, its strong form taken',
    source: 'community.general #6434 (Gigabyte)',
    manners: { etags: 'weak', ifMatch: 'strong' },
  },
  {
    name: 'If-Match is required',
    source: 'gofish #171, Tacklebox #22: 428',
    manners: { etags: 'strong', ifMatch: 'required' },
  },
  {
    name: 'the ETag lost to another change, once',
    source: 'community.general #11261, operations-center #1040 (XCC)',
    manners: { etags: 'strong', ifMatch: 'checked' },
    faults: bootOnce(412, 'Base.1.12.PreconditionFailed', 1),
  },
  {
    name: 'no ETag is ever right',
    source: 'sushy note fix-missing-etags',
    faults: bootOnce(412, 'Base.1.12.PreconditionFailed', 999),
    fails: { step, code: 'redfish.boot', says: /412.*not set/ },
  },
  {
    name: 'mode, enabled and target must come together',
    source: 'ironic VENDORS_REQUIRING_FULL_BOOT_REQUEST; H3C HDM',
    manners: { bootNeedsAll: true },
  },
  {
    name: 'the target must be there before it is enabled',
    source: 'bmclib redfishwrapper',
    manners: { targetBeforeEnabled: true },
  },
  {
    name: 'None is no target',
    source: 'iLO: the override is cleared by Disabled alone',
    manners: { refusesTargetNone: true },
  },
  {
    name: 'the override reads Continuous, whatever was written',
    source: 'sushy-tools source',
    manners: { overrideStays: 'Continuous' },
    notes: /reads back/,
  },
  {
    name: '503 to the first PATCHes',
    source: 'redfish.md 1.7 rule 2: 5xx → again',
    faults: () => [answers(isBoot, { status: 503 }, 2)],
  },
  {
    name: 'Boot is refused for good',
    source: 'sushy note idrac10-settings-resource: PATCH of Boot refused',
    faults: bootOnce(400, 'Base.1.8.PropertyNotWritable', 999),
    fails: { step, code: 'redfish.boot', says: /PropertyNotWritable.*not set/ },
  },
  {
    name: 'Boot is taken by the settings resource alone',
    source: 'sushy note idrac10-settings-resource; MAAS #477',
    personality: 'dell-idrac10',
  },
  {
    name: 'Boot is taken by the future state alone',
    source: 'omni-infra redfish.go:113-190',
    personality: 'asrock-ami',
  },
  {
    name: 'no CD is among the targets',
    source: 'captured BlueField-3: None, Pxe, UefiHttp …',
    faults: () => [
      shows(isSystem, (body) => ({
        ...body,
        Boot: { ...body.Boot, 'BootSourceOverrideTarget@Redfish.AllowableValues': ['None', 'Pxe'] },
      })),
    ],
    fails: { step: 'media.plan', code: 'redfish.no-media', says: /allows only None, Pxe/ },
  },
  {
    name: 'the system has no Boot at all',
    source: 'sushy note check-for-boot-attrs-in-settingsuri',
    faults: () => [shows(isSystem, ({ Boot: _, ...body }) => body)],
    fails: { step: 'media.plan', code: 'redfish.boot', says: /shows no boot settings/ },
  },
  {
    name: 'power on is in conflict at first',
    source: 'Launchpad ironic 2162995 (iDRAC 10)',
    manners: { onConflicts: 2 },
  },
  {
    name: 'a reset is refused soon after another',
    source: 'sushy connector.py:106, note retry-ilo-not-ready-error',
    faults: () => [answers(isReset, refusal(400, 'iLO.2.15.InvalidOperationForSystemState'), 1)],
  },
  {
    name: 'a reset is a task',
    source: 'redfish.md 3: 202 + task monitor for media or reset',
    manners: { resetAnswer: 'task' },
  },
  {
    name: 'the answer to a reset is lost',
    source: 'libredfish network.rs req()',
    faults: () => [drops(isReset, 1)],
  },
  {
    name: 'the machine does not go off',
    source: 'redfish.md 1.7 rule 11: power 300 s',
    faults: () => [answers(isResetTo('ForceOff'), { status: 204 })],
    set: ['redfish.power_timeout_s=0.3'],
    fails: { step: 'redfish.power-off', code: 'redfish.power', says: /Off|off/ },
  },
  {
    name: 'resets are refused for good',
    source: 'libredfish dell.rs: lockdown',
    faults: () => [answers(isReset, refusal(400, 'Base.1.8.ActionNotSupported', 'Not supported.'))],
    set: ['redfish.power_timeout_s=0.3'],
    fails: { step: 'redfish.power-off', code: 'redfish.power', says: /Not supported/ },
  },
  {
    name: '503 to the first ejects',
    source: 'ironic boot.py:175-190, story 2008504',
    faults: () => [answers(isEject, { status: 503 }, 3)],
  },
  {
    name: 'an eject needs a JSON object as its body',
    source: 'sushy virtual_media.py eject_media',
    manners: { ejectNeedsObject: true },
  },
  {
    name: 'an eject wants no body',
    source: 'sushy virtual_media.py: 400/415',
    faults: () => [answers((asked) => isEject(asked) && asked.text !== '', { status: 415 })],
  },
  {
    name: 'Inserted stays true for a while after the eject',
    source: 'ironic note fix-redfish-vmedia-stale-insert-skip',
    manners: { staleReadsAfterEject: 3 },
  },
  {
    name: 'Image and ImageName stay after the eject',
    source: 'community.general #6969, #7470, #12537',
    manners: { imageStaysAfterEject: true },
  },
  {
    name: 'EjectMedia is not listed while the drive is empty',
    source: 'captured SYS-821GE-TNHR',
    personality: 'supermicro-x13',
  },
  {
    name: 'media types are null',
    source: 'captured Gigabyte H262: CD1 without MediaTypes',
    faults: () => [shows(isDrive, (body) => ({ ...body, MediaTypes: null }))],
  },
  {
    name: 'graceful resets never end',
    source: 'redfish.md 1.7 rule 6; 3',
    manners: { gracefulHangs: true },
  },
]

faultTable(CASES)
