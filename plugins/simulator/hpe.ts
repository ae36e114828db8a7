// SPDX-License-Identifier: AGPL-3.0-or-later
import { type Manners, standard } from './manners.ts'

/** ProLiant DL360 Gen10 Plus, iLO 5 3.11. Sources: rows of the Redfish fact catalogue, captured files. */
export const hpe: Manners = {
  ...standard,
  title: 'HPE iLO 5',
  // redfishdocs errorresponses: Base.1.12.* and iLO.2.15.*, ids and arguments without sentences.
  registry: 'Base.1.12',
  bareErrorCode: 'iLO.0.10.ExtendedInfo',
  messageIds: {
    // Listed among the iLO registries: redfishdocs.
    occupied: { id: 'iLO.2.15.MaxVirtualMediaConnectionEstablished', status: 400 },
    // "During POST: 400 UnableToModifyDuringSystemPOST": ironic management.py:128-209, Launchpad 2136275.
    post: { id: 'iLO.2.15.UnableToModifyDuringSystemPOST', status: 400 },
    // "400 InvalidOperationForSystemState soon after a power change": sushy connector.py:106.
    wrongState: { id: 'iLO.2.15.InvalidOperationForSystemState', status: 400 },
  },
  // "URIs have trailing slashes; follow them": redfishdocs (performing_actions), MAAS.
  slash: 'redirect',
  // Captured resources carry weak ETags.
  etags: 'weak',
  ifMatch: 'checked',
  // Captured sessions: UserExpires is 30 minutes after AccessTime (SessionTimeout says 30).
  sessionTimeoutMs: 1_800_000,
  // redfishdocs performing_actions: an action done is 200 with a Success message.
  insertAnswer: 200,
  ejectAnswer: 200,
  resetAnswer: 200,
  // "Eject needs an empty JSON object body {} (else 400/415)": sushy virtual_media.py eject_media.
  ejectNeedsObject: true,
  // Slots "1 Floppy/USBStick, 2 CD/DVD; one each": redfishdocs; captured VirtualMedia/{1,2}.
  boots: { Cd: [/\/VirtualMedia\/2$/], Usb: [/\/VirtualMedia\/1$/] },
  // "target must be given before enabled": bmclib redfishwrapper, ironic note.
  targetBeforeEnabled: true,
  // iLO refuses target None: the override is cleared by `Disabled` alone.
  refusesTargetNone: true,
  refusesBootDuringPost: true,
}
