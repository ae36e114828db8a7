// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The network of the maintenance OS in real guests, where nobody answers DHCP or DNS. Not a part of
 * `scripts/test`: each guest takes a minute of both cores. Run by `scripts/soak machine network`.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { MINUTE, SECOND } from '../../core/units.ts'
import { complete } from '../stage.ts'
import { type GuestStage, guestStage } from './guest-stage.ts'
import { portSocket, Switch } from './switch.ts'

let stage: GuestStage
beforeAll(async () => {
  stage = await guestStage()
}, 10 * MINUTE)
afterAll(() => stage[Symbol.asyncDispose]())

const MACS = { a: '52:54:00:00:0a:01', b: '52:54:00:00:0b:01' } as const
type Card = keyof typeof MACS

const stream = (id: string, port: string) => [
  '-netdev',
  `stream,id=${id},server=off,addr.type=unix,addr.path=${portSocket(stage.folder, port)}`,
]

/** Cards of the machine at their ports, and behind `uplink` QEMU's own network, which knows no VLAN. */
const wires = (...cards: readonly Card[]) => [
  ...cards.flatMap((card) => [
    ...stream(card, card),
    ...['-device', `virtio-net-pci,netdev=${card},mac=${MACS[card]}`],
  ]),
  ...[...stream('wire', 'uplink'), '-netdev', 'user,id=net,ipv6=off'],
  ...['-netdev', 'hubport,id=hub0,hubid=1,netdev=net'],
  ...['-netdev', 'hubport,id=hub1,hubid=1,netdev=wire'],
]

const card = (name: Card, more: object = {}) => ({ match: { macaddress: MACS[name] }, ...more })
const ADDRESS = {
  addresses: ['10.0.2.50/24'],
  routes: [{ to: 'default', via: '10.0.2.2' }],
}

const DISPATCHER = /dispatch: /

interface Story {
  readonly network: object
  readonly cards: readonly Card[]
  readonly vlan?: number
  /** Words that the console must say. */
  readonly says: readonly string[]
  readonly clock?: string
}

test.each<[string, Story]>([
  [
    'a fixed address, and a clock that was never set',
    {
      network: { ethernets: { lan: card('a', { ...ADDRESS, mtu: 1_400 }) } },
      cards: ['a'],
      says: [`(${MACS.a}) has 10.0.2.50/24`, 'the time of the job'],
      clock: '1970-01-01',
    },
  ],
  [
    'a VLAN on a bond of two cards',
    {
      network: {
        ethernets: { one: card('a'), two: card('b') },
        bonds: {
          bond0: {
            interfaces: ['one', 'two'],
            parameters: { mode: 'active-backup', primary: 'two' },
          },
        },
        vlans: { 'bond0.20': { id: 20, link: 'bond0', ...ADDRESS } },
      },
      cards: ['a', 'b'],
      vlan: 20,
      says: ['network: bond0.20 has 10.0.2.50/24'],
    },
  ],
])(
  'a machine with %s takes its job and reports, though nobody answers DHCP or DNS',
  async (_name, { network, cards, vlan, says, clock }) => {
    await using wire = await Switch.start(stage.folder, cards, vlan)
    const job = await stage.launch({ task_target: 'inspect.target', network })
    await using guest = await stage.boot(job, {
      network: wires(...cards),
      ...(clock !== undefined && { clock }),
    })
    await guest.off(4 * MINUTE)
    const view = await stage.running.until(job.id, complete, 30 * SECOND)
    const dispatcher = (await guest.console()).split('\n').filter((line) => DISPATCHER.test(line))
    expect({ result: view.result, reason: view.failed_reason }).toEqual({
      ...{ result: 'succeeded', reason: undefined },
    })
    for (const words of says) expect(dispatcher.join('\n')).toContain(words)
    // Of a bond the member that was preferred spoke.
    const speaker = cards.at(-1) ?? ''
    expect(Object.keys(wire.traffic.up)).toEqual([speaker])
    expect(wire.traffic.dns).toBe(0)
    const reports = view.evidence.filter(({ level }: { level: string }) => level === 'reported')
    expect(reports).toHaveLength(1)
  },
  5 * MINUTE,
)

test(
  'a machine without the card of its recipe says so on its console',
  async () => {
    const network = { ethernets: { lan: card('a', ADDRESS) } }
    const job = await stage.launch({ task_target: 'inspect.target', network })
    await using guest = await stage.boot(job, { network: [] })
    await guest.says(`network: no card has the MAC ${MACS.a} (lan)`, 5 * MINUTE)
    await stage.running.send('POST', `/api/v1/jobs/${job.id}/cancel`)
    await stage.running.until(job.id, complete, 30 * SECOND)
  },
  6 * MINUTE,
)
