// SPDX-License-Identifier: AGPL-3.0-or-later
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'

/** IEEE 802.1Q: two bytes of type, two of priority and VLAN id, after both addresses. */
const TAG_TYPE = 0x8100
const TAG_AT = 12
const TAG_BYTES = 4
const IPV4 = 0x0800
const UDP = 17
const DHCP_SERVER = 67
const DNS = 53

/** What went over the wire. */
export interface Traffic {
  /** Frames of the machine that went up, by the port that they came from. */
  readonly up: Record<string, number>
  /** Frames with a tag that is not the port's, or without one where one is asked. */
  strays: number
  /** Questions that nobody answers here. */
  dhcp: number
  dns: number
}

/**
 * A switch between the cards of a machine and QEMU's own network: it takes only frames of one VLAN where
 * one is asked, and lets nobody ask DHCP or DNS. Each port is a unix socket for `-netdev stream`.
 */
export class Switch implements AsyncDisposable {
  readonly traffic: Traffic = { up: {}, strays: 0, dhcp: 0, dns: 0 }
  readonly #vlan: number | undefined
  readonly #servers: Server[] = []
  readonly #sockets = new Map<string, Socket>()
  /** Where the machine was heard last: of a bond one card speaks. */
  #heard: string | undefined

  private constructor(vlan: number | undefined) {
    this.#vlan = vlan
  }

  /** Ports of the machine by name, and `uplink`, as sockets of the folder. */
  static async start(folder: string, ports: readonly string[], vlan?: number): Promise<Switch> {
    const made = new Switch(vlan)
    for (const port of ports) await made.#listen(folder, port, (frame) => made.#up(port, frame))
    await made.#listen(folder, 'uplink', (frame) => made.#down(frame))
    return made
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets.values()) socket.destroy()
    await Promise.all(
      this.#servers.map((server) => new Promise((resolve) => server.close(resolve))),
    )
  }

  async #listen(folder: string, port: string, take: (frame: Buffer) => void): Promise<void> {
    const server = createServer((socket) => {
      this.#sockets.set(port, socket)
      const frames = new Frames(take)
      socket.on('data', (bytes) => frames.push(Buffer.from(bytes)))
      // QEMU goes when its machine does.
      socket.on('error', () => socket.destroy())
    })
    this.#servers.push(server)
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(portSocket(folder, port), resolve)
    })
  }

  #up(port: string, frame: Buffer): void {
    const plain = this.#untagged(frame)
    if (!plain) {
      this.traffic.strays += 1
      return
    }
    const asked = udpPort(plain)
    if (asked === DHCP_SERVER) this.traffic.dhcp += 1
    if (asked === DNS) this.traffic.dns += 1
    if (asked === DHCP_SERVER || asked === DNS) return
    this.#heard = port
    this.traffic.up[port] = (this.traffic.up[port] ?? 0) + 1
    this.#send('uplink', plain)
  }

  #down(frame: Buffer): void {
    if (this.#heard === undefined) return
    this.#send(this.#heard, this.#vlan === undefined ? frame : tagged(frame, this.#vlan))
  }

  #untagged(frame: Buffer): Buffer | undefined {
    const isTagged = frame.readUInt16BE(TAG_AT) === TAG_TYPE
    if (this.#vlan === undefined) return isTagged ? undefined : frame
    if (!isTagged || (frame.readUInt16BE(TAG_AT + 2) & 0xfff) !== this.#vlan) return undefined
    return Buffer.concat([frame.subarray(0, TAG_AT), frame.subarray(TAG_AT + TAG_BYTES)])
  }

  #send(port: string, frame: Buffer): void {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(frame.length)
    this.#sockets.get(port)?.write(Buffer.concat([length, frame]))
  }
}

/** Where QEMU finds a port. */
export const portSocket = (folder: string, port: string) => join(folder, `port-${port}`)

function tagged(frame: Buffer, vlan: number): Buffer {
  const tag = Buffer.alloc(TAG_BYTES)
  tag.writeUInt16BE(TAG_TYPE)
  tag.writeUInt16BE(vlan, 2)
  return Buffer.concat([frame.subarray(0, TAG_AT), tag, frame.subarray(TAG_AT)])
}

/** Destination port of a UDP packet over IPv4. */
function udpPort(frame: Buffer): number | undefined {
  if (frame.length < 42 || frame.readUInt16BE(TAG_AT) !== IPV4 || frame[23] !== UDP)
    return undefined
  const headerBytes = ((frame[14] ?? 0) & 0xf) * 4
  return frame.length < 14 + headerBytes + 4 ? undefined : frame.readUInt16BE(14 + headerBytes + 2)
}

/** QEMU sends each frame behind its length, four bytes, big-endian. */
class Frames {
  #rest: Buffer = Buffer.alloc(0)
  readonly #take: (frame: Buffer) => void

  constructor(take: (frame: Buffer) => void) {
    this.#take = take
  }

  push(bytes: Buffer): void {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    while (this.#rest.length >= 4) {
      const end = 4 + this.#rest.readUInt32BE()
      if (this.#rest.length < end) return
      this.#take(this.#rest.subarray(4, end))
      this.#rest = this.#rest.subarray(end)
    }
  }
}
