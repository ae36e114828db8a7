// SPDX-License-Identifier: AGPL-3.0-or-later
import { dlopen } from 'bun:ffi'
import type { Logger } from '../../../core/log.ts'

/** linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h. */
const AF_INET = 2
const AF_INET6 = 10
const AF_NETLINK = 16
const SOCK_RAW_CLOEXEC = 3 | 0o2000000
const NETLINK_SOCK_DIAG = 4
const SOCK_DIAG_BY_FAMILY = 20
const NLM_F_REQUEST_DUMP = 0x301
const NLMSG_ERROR = 2
const NLMSG_DONE = 3
const IPPROTO_TCP = 6
const INET_DIAG_INFO = 2
const MSG_DONTWAIT = 0x40

const REQUEST_BYTES = 72
const HEADER_BYTES = 16
const MESSAGE_BYTES = 72
/** Of `tcpi_bytes_acked` in struct tcp_info, since Linux 4.1. */
const ACKED_AT = 120
const BUFFER_BYTES = 64 * 1_024

/** As both sides of a comparison write an address. */
const plain = (address: string): string =>
  address.includes(':') && !address.includes('.')
    ? new URL(`http://[${address.replace(/%.*$/, '')}]`).hostname
    : address

export const peerKey = (address: string, port: number): string => `${plain(address)} ${port}`

function request(family: number): Buffer {
  const message = Buffer.alloc(REQUEST_BYTES)
  message.writeUInt32LE(REQUEST_BYTES, 0)
  message.writeUInt16LE(SOCK_DIAG_BY_FAMILY, 4)
  message.writeUInt16LE(NLM_F_REQUEST_DUMP, 6)
  message.writeUInt8(family, HEADER_BYTES)
  message.writeUInt8(IPPROTO_TCP, HEADER_BYTES + 1)
  message.writeUInt8(1 << (INET_DIAG_INFO - 1), HEADER_BYTES + 2)
  // States: all.
  message.writeUInt32LE(0xffffffff, HEADER_BYTES + 4)
  return message
}

function addressAt(bytes: Buffer, at: number, family: number): string {
  const dotted = (from: number) => [...bytes.subarray(from, from + 4)].join('.')
  if (family === AF_INET) return dotted(at)
  const isMapped = bytes.subarray(at, at + 10).every((byte) => byte === 0)
  if (isMapped && bytes.readUInt16BE(at + 10) === 0xffff) return dotted(at + 12)
  const words = Array.from({ length: 8 }, (_, word) =>
    bytes.readUInt16BE(at + 2 * word).toString(16),
  )
  return plain(words.join(':'))
}

/** Reads one answer into `acked`; true when the dump ends with it. */
function readAnswer(bytes: Buffer, acked: Map<string, number>): boolean {
  for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
    const length = bytes.readUInt32LE(at)
    const type = bytes.readUInt16LE(at + 4)
    if (type === NLMSG_DONE || type === NLMSG_ERROR || length < HEADER_BYTES) return true
    const message = at + HEADER_BYTES
    const peer = addressAt(bytes, message + 24, bytes.readUInt8(message))
    const port = bytes.readUInt16BE(message + 6)
    for (let field = message + MESSAGE_BYTES; field + 4 <= at + length; ) {
      const fieldLength = bytes.readUInt16LE(field)
      const isInfo = bytes.readUInt16LE(field + 2) === INET_DIAG_INFO
      if (isInfo && fieldLength >= 4 + ACKED_AT + 8) {
        acked.set(`${peer} ${port}`, Number(bytes.readBigUInt64LE(field + 4 + ACKED_AT)))
      }
      field += Math.max(4, (fieldLength + 3) & ~3)
    }
    at += (length + 3) & ~3
  }
  return false
}

/**
 * How many bytes the other end of each TCP connection of this machine has acknowledged, by
 * `peerKey`. The kernel counts them (about 1 ms to ask): what is sent by sendfile passes nobody else.
 */
export interface AckedBytes extends Disposable {
  /** Undefined where the kernel does not tell. */
  read(): ReadonlyMap<string, number> | undefined
}

/** A kernel that does not tell is said once in the log. */
export function openAckedBytes(log: Logger): AckedBytes {
  try {
    return openSocket(log)
  } catch (err) {
    log.warn({ err }, 'the kernel tells nothing of its connections: pulls show less progress')
    return { read: () => undefined, [Symbol.dispose]: () => undefined }
  }
}

function openSocket(log: Logger): AckedBytes {
  const { symbols: libc, close } = dlopen('libc.so.6', {
    socket: { args: ['i32', 'i32', 'i32'], returns: 'i32' },
    send: { args: ['i32', 'ptr', 'usize', 'i32'], returns: 'int64_t' },
    recv: { args: ['i32', 'ptr', 'usize', 'i32'], returns: 'int64_t' },
    close: { args: ['i32'], returns: 'i32' },
  })
  const socket = libc.socket(AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_SOCK_DIAG)
  if (socket < 0) throw new Error('no netlink socket')
  const buffer = Buffer.alloc(BUFFER_BYTES)

  const dump = (family: number, acked: Map<string, number>): void => {
    const message = request(family)
    if (Number(libc.send(socket, message, message.length, 0)) < 0) {
      throw new Error('the netlink socket takes nothing')
    }
    for (;;) {
      // A dump is there as soon as it was asked for: nothing to wait for.
      const length = Number(libc.recv(socket, buffer, buffer.length, MSG_DONTWAIT))
      if (length <= 0 || readAnswer(buffer.subarray(0, length), acked)) return
    }
  }

  return {
    read() {
      const acked = new Map<string, number>()
      try {
        dump(AF_INET, acked)
        dump(AF_INET6, acked)
        return acked
      } catch (err) {
        log.debug({ err }, 'the kernel did not tell of its connections')
        return undefined
      }
    },
    [Symbol.dispose]() {
      libc.close(socket)
      close()
    },
  }
}
