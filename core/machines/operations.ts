// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import * as machine from '../../schemas/machine.ts'
import { MachineQuery } from '../../schemas/query.ts'
import type { OperationTable } from '../http/operation.ts'

const { AliasRequest, ImportTally, MachineImport, MachineImportRow, MachineInput } = machine
const { MachineList, MachinePatch, MachineView, SurveyView, TlsPolicyInput } = machine

/** Resources by path. */
const Capture = v.record(v.string(), v.unknown())

const NAMED = ['machine.not-found', 'machine.ambiguous']
const ONE = '/api/v1/machines/:serial'

export const machineOperations: OperationTable = {
  tag: 'machines',
  about: 'The servers that may be provisioned, and their controllers.',
  schemas: {
    ...{ MachineInput, MachinePatch, MachineImport, MachineImportRow, TlsPolicyInput },
    ...{ AliasRequest, MachineView, MachineList, SurveyView, ImportTally },
  },
  operations: [
    {
      ...{ method: 'get', path: '/api/v1/machines', id: 'listMachines', access: 'viewer' },
      summary: 'Machines by serial',
      query: MachineQuery,
      answers: { 200: { says: 'a page of machines', schema: MachineList } },
    },
    {
      ...{ method: 'post', path: '/api/v1/machines', id: 'addMachine', access: 'operator' },
      summary: 'Make a machine known',
      body: MachineInput,
      answers: { 201: { says: 'the machine, without its password', schema: MachineView } },
      faults: ['machine.exists', 'machine.placeholder'],
    },
    {
      ...{ method: 'post', path: '/api/v1/machines/import', id: 'importMachines' },
      access: 'operator',
      summary: 'Make many machines known: all or none',
      about:
        'Of a machine that is known a row changes what it names, and nothing else. As `text/csv` the head line names the same fields.',
      ...{ body: MachineImport, bodyTypes: ['text/csv'] },
      answers: { 200: { says: 'what became of each', schema: ImportTally } },
      faults: ['machine.import', 'machine.exists', 'machine.ambiguous', 'machine.placeholder'],
    },
    {
      ...{ method: 'get', path: ONE, id: 'getMachine', access: 'viewer' },
      summary: 'A machine',
      answers: { 200: { says: 'the machine, without its password', schema: MachineView } },
      faults: NAMED,
    },
    {
      ...{ method: 'patch', path: ONE, id: 'changeMachine', access: 'operator' },
      summary: 'Change what is given; null takes an optional field away',
      body: MachinePatch,
      answers: { 200: { says: 'the changed machine', schema: MachineView } },
      faults: [...NAMED, 'machine.exists', 'machine.placeholder'],
    },
    {
      ...{ method: 'delete', path: ONE, id: 'removeMachine', access: 'operator' },
      summary: 'Forget a machine; its jobs stay',
      answers: { 204: { says: 'it is forgotten' } },
      faults: [...NAMED, 'machine.busy'],
    },
    {
      ...{ method: 'post', path: `${ONE}/probe`, id: 'probeMachine', access: 'operator' },
      summary: 'Read the controller; changes nothing there',
      about: 'A controller that does not answer as it should is told with a code `redfish.…`.',
      answers: { 200: { says: 'what it says of itself', schema: SurveyView } },
      faults: [...NAMED, 'machine.no-bmc'],
    },
    {
      ...{ method: 'post', path: `${ONE}/capture`, id: 'captureMachine', access: 'operator' },
      summary: 'Read the resources of the controller; changes nothing there',
      about:
        'Path to resource, with serials, UUIDs, addresses, names and secrets replaced. The simulator plays it: how a new controller is made known to its developers.',
      answers: { 200: { says: 'the scrubbed resources', schema: Capture } },
      faults: [...NAMED, 'machine.no-bmc'],
    },
    {
      ...{ method: 'post', path: `${ONE}/aliases`, id: 'addAlias', access: 'operator' },
      summary: 'Give a machine a further name',
      body: AliasRequest,
      answers: { 200: { says: 'the machine', schema: MachineView } },
      faults: [...NAMED, 'machine.placeholder'],
    },
    {
      ...{ method: 'delete', path: `${ONE}/aliases/:alias`, id: 'removeAlias', access: 'operator' },
      summary: 'Take a further name away',
      answers: { 200: { says: 'the machine', schema: MachineView } },
      faults: NAMED,
    },
  ],
}
