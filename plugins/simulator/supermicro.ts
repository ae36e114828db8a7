// SPDX-License-Identifier: AGPL-3.0-or-later
import { type Manners, standard } from './manners.ts'

/** SYS-821GE-TNHR (X13), BMC 11.01.01. Sources: rows of the Redfish fact catalogue, captured files. */
export const supermicro: Manners = {
  ...standard,
  title: 'Supermicro X13',
  // Captured Registries/Base: Base.1.10.3.
  registry: 'Base.1.10',
  // Captured resources carry strong ETags.
  etags: 'strong',
  // 412 and 428 on a PATCH without the current ETag: gofish #171, Tacklebox #22, ansible #60031
  // (each another vendor's); which of them this board demands was not captured.
  ifMatch: 'required',
  // Captured SessionService: SessionTimeout 300.
  sessionTimeoutMs: 300_000,
  // 202 with a monitor: the fact catalogue's section 3 asks for it; xFusion 3.08 is its field note.
  insertAnswer: 'task',
  // "BMC cannot import a CA → self-signed HTTPS fails": suse-edge #220.
  imageTls: 'public-ca',
  // Captured VirtualMedia1..3: an empty drive lists InsertMedia only.
  ejectListedWhileEmpty: false,
  // "ImageName stays after eject; use ConnectedVia": community.general #6969, #7470, #12537.
  imageStaysAfterEject: true,
  // "Boot target is UsbCd; both appear in AllowableValues": sushy system.py:255,376-400. Cd is the
  // drive in the chassis, of which this machine has none.
  boots: { UsbCd: [/\/VirtualMedia\/VirtualMedia\d$/] },
  // Captured Systems/1: override Disabled, target still Pxe.
  targetStaysWhenDisabled: true,
  resetAnswer: 200,
}
