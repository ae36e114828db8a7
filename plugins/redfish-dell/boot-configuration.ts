// SPDX-License-Identifier: AGPL-3.0-or-later
import { dig, digText } from '../../core/jobs/dig.ts'
import type { ControllerActions, OemAnswer, OemClient } from '../../core/jobs/oem.ts'

/** The virtual CD or DVD, and no override (captured: DellAttributes of an R750). */
const VIRTUAL_CD = 'VCD-DVD'
const NORMAL = 'Normal'

/** sushy waits 35 times 15 s for a configuration job of somebody else (oem/dell manager.py:258-269). */
const BUSY_LIMIT_MS = 525_000

/** LC068: changes pending or a job in progress; RAC0679: a job is running (sushy-oem-idrac error_*_job.json). */
const saysBusy = ({ messages }: OemAnswer) => messages.some(({ id }) => /LC068|RAC0679/.test(id))

/** A configuration profile. No white space between its elements: it would count (sushy manager.py:90-115). */
const profile = (managerId: string, device: string) =>
  `<SystemConfiguration><Component FQDD="${managerId}">` +
  `<Attribute Name="ServerBoot.1#BootOnce">Enabled</Attribute>` +
  `<Attribute Name="ServerBoot.1#FirstBootDevice">${device}</Attribute>` +
  `</Component></SystemConfiguration>`

interface Importer {
  readonly managerUri: string
  readonly target: string
  readonly manager: unknown
}

/** The action is found by the end of its name, which changed over time (sushy manager.py:73-77). */
async function findImporter(oem: OemClient): Promise<Importer | undefined> {
  for (const managerUri of oem.managerUris) {
    const manager = (await oem.get(managerUri)).body
    const actions = Object.entries(dig(manager, 'Actions', 'Oem') ?? {})
    const action = actions.find(([name]) => name.endsWith('.ImportSystemConfiguration'))
    const target = digText(action?.[1], 'target')
    if (target) return { managerUri, target, manager }
  }
  return undefined
}

/** Imports where the next boot goes; waits while the controller is busy with another job. */
async function importDevice(oem: OemClient, importer: Importer, device: string): Promise<void> {
  const managerId = importer.managerUri.split('/').findLast((part) => part !== '') ?? ''
  // Target must be a list (sushy manager.py, bug 2111528).
  const body = {
    ShareParameters: { Target: ['ALL'] },
    ImportBuffer: profile(managerId, device),
  }
  let answer = await oem.post(importer.target, body)
  if (saysBusy(answer)) {
    oem.note('info', `A configuration job is in the way at the BMC ${oem.host}: waiting for it.`)
    await oem.waitFor(BUSY_LIMIT_MS, async () => {
      answer = await oem.post(importer.target, body)
      return saysBusy(answer) ? undefined : true
    })
  }
  await oem.finish(answer, 'boot', `Import of the boot device ${device}`)
}

/** The device as the controller shows it; undefined when it shows none. */
async function shownDevice(oem: OemClient, { manager }: Importer): Promise<string | undefined> {
  const uri = digText(manager, 'Links', 'Oem', 'Dell', 'DellAttributes', '0', '@odata.id')
  if (uri === undefined) return undefined
  const { ok, body } = await oem.look(uri)
  return ok ? digText(body, 'Attributes', 'ServerBoot.1.FirstBootDevice') : undefined
}

/** Boot from the virtual CD where the standard's override does not reach it. */
export const bootByConfiguration: ControllerActions = {
  async bootOnce({ oem, standard }) {
    const importer = await findImporter(oem)
    if (!importer) return standard()
    await importDevice(oem, importer, VIRTUAL_CD)
  },
  async clearBoot({ oem, standard }) {
    const importer = await findImporter(oem)
    // A boot uses it up: only one that never came leaves it standing.
    const left = importer && (await shownDevice(oem, importer)) !== NORMAL
    if (importer && left) await importDevice(oem, importer, NORMAL)
    await standard()
  },
}
