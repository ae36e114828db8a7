// SPDX-License-Identifier: AGPL-3.0-or-later
import { insertDoesNothing } from '../fake-bmc/faults.ts'
import { type FaultCase, faultTable } from './case.ts'

const KiB = 1_024

/** It booted, and then could not go on: only its console can say more. */
const broken = {
  step: 'await-claim',
  code: 'machine.unclaimed',
  says: /read its media but did not claim.*last seen: read the EFI image.*look at its console/,
}

const CASES: readonly FaultCase[] = [
  {
    name: 'media are read slowly: ten times the 50 KB/s that were seen, for the test’s sake',
    source: 'grml #83 (iLO)',
    manners: { mediaBytesPerS: 500 * KiB, pieceBytes: 16 * KiB },
  },
  {
    name: 'the line to the image breaks in the middle, once',
    source: 'idrac-scr #225: remote ISO hangs',
    manners: { mediaBreaks: { afterBytes: 40 * KiB, times: 1 } },
    fails: broken,
  },
  {
    name: 'the line to the image breaks in the middle, always',
    source: 'idrac-scr #225: remote ISO hangs',
    manners: { mediaBreaks: { afterBytes: 40 * KiB, times: 999 } },
    fails: broken,
  },
  {
    name: 'inserts are answered 204 and never do anything',
    source: 'terraform-provider-redfish #331',
    faults: () => [insertDoesNothing],
    fails: {
      step: 'await-media',
      code: 'redfish.media-not-fetched',
      says: /read nothing of.*media.base_url/,
    },
  },
  {
    name: 'each range comes over a connection of its own',
    source: 'provisioning.md 3: many short connections',
    manners: { manyConnections: true, pieceBytes: 2 * KiB },
  },
  {
    name: 'a started medium is read to its end',
    source: 'firmware that caches the image',
    manners: { readsWhole: true },
  },
  {
    name: 'the BMC trusts no certificate of ours, and gets http',
    source: 'suse-edge #220 (Supermicro)',
    personality: 'supermicro-x13',
    set: ['server.bmc_https=127.0.0.1:0'],
  },
  {
    name: 'the file must end in .iso',
    source: 'terraform-provider-redfish #84',
    manners: { imageUrl: /^https?:\/\/[^?#]*\.iso$/ },
  },
  {
    name: 'a path of more than 128 characters, or with a query, is refused',
    source: 'redfish.md 1.7 rule 8; ironic redfish.rst:395',
    manners: { imageUrl: /^https?:\/\/[^?&#]{1,120}$/ },
  },
]

faultTable(CASES)
