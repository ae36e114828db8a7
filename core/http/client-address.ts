// SPDX-License-Identifier: AGPL-3.0-or-later
import type { IncomingMessage } from 'node:http'

/** Address of the caller of a raw request. An IPv4 caller of a dual-stack socket (`::ffff:10.0.0.5`) is told as IPv4. */
export const clientAddressOf = (request: IncomingMessage): string =>
  (request.socket?.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/, '')
