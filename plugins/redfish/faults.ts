// SPDX-License-Identifier: AGPL-3.0-or-later
import { defineFaults } from '../../core/faults.ts'

/** Everything that we foresee between us and a controller. `retry`: the same call may work in a while. */
export const redfishFaults = defineFaults('redfish', {
  /** No connection: refused, no route, no such name, no answer to the handshake. */
  unreachable: { status: 502, retry: true },
  /** The connection broke before the answer was complete. */
  connectionLost: { status: 502, retry: true },
  timeout: { status: 504, retry: true },
  /** Too many failed connections in a row: not even tried just now. */
  coolingDown: { status: 503, retry: true },
  /** The certificate is not the pinned one; nothing was sent. */
  certificateChanged: { status: 502, retry: false },
  /** No known CA signed the certificate, or it is for another name or time. */
  certificateUntrusted: { status: 502, retry: false },
  /** What answers does not speak Redfish: HTML, broken JSON, an endless body, no service root. */
  notRedfish: { status: 502, retry: false },
  /** A redirect that we do not follow: to another origin, from https to http, or too many. */
  redirected: { status: 502, retry: false },
  unauthorized: { status: 502, retry: false },
  /** No session is free and basic login is refused as well. */
  sessionsExhausted: { status: 503, retry: true },
  /** 503, or a message that says: try again later. */
  busy: { status: 503, retry: true },
  refused: { status: 502, retry: false },
  missing: { status: 502, retry: false },
  license: { status: 502, retry: false },
  /** The controller's configuration lock. */
  locked: { status: 502, retry: false },
  /** Which of several ComputerSystems, or none at all. */
  system: { status: 409, retry: false },
  /** A file of `[redfish] profiles` that can not be used. */
  profile: { status: 400, retry: false },
  noMedia: { status: 409, retry: false },
  insert: { status: 502, retry: false },
  /** Answered 2xx, and the drive shows another image than ours. */
  insertWithoutEffect: { status: 502, retry: false },
  eject: { status: 502, retry: false },
  boot: { status: 502, retry: false },
  power: { status: 502, retry: false },
  /** A task of the controller that ended badly or not in time. */
  task: { status: 502, retry: false },
})
