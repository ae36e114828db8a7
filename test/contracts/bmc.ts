// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import type { Bmc, MediaSlot } from '../../core/jobs/bmc.ts'

/** A controller as it really is, whatever it answers. */
export interface Truth {
  readonly power: string
  /** Images that are in, by drive URI. */
  readonly images: Readonly<Record<string, string>>
  readonly override: { readonly enabled: string; readonly target: string }
  /** URIs of the drives that booted the machine so far. */
  readonly booted: readonly string[]
  readonly sessions: number
}

export interface BmcUnderTest extends AsyncDisposable {
  open(): Promise<Bmc>
  truth(): Truth
  /** Resolves when it holds; rejects when it does not come. */
  until(holds: (truth: Truth) => boolean): Promise<unknown>
  readonly imageUrls: Readonly<Record<MediaSlot, string>>
}

const LIMIT_MS = 20_000

/**
 * What core relies on in every implementation of `Bmc`: each verb is confirmed, may be repeated,
 * and leaves the controller as it says.
 */
export function bmcContract(
  name: string,
  start: () => Promise<BmcUnderTest>,
  /** Why no boot uses the override up; then only its target counts. */
  overrideStaysBecause?: string,
): void {
  const usedUp = overrideStaysBecause === undefined
  const story = (
    what: string,
    run: (bmc: Bmc, subject: BmcUnderTest, signal: AbortSignal) => Promise<void>,
  ) =>
    test(
      `${name}: ${what}`,
      async () => {
        await using subject = await start()
        {
          await using bmc = await subject.open()
          await run(bmc, subject, AbortSignal.timeout(LIMIT_MS))
        }
        expect(subject.truth().sessions).toBe(0)
      },
      LIMIT_MS,
    )

  async function insertBoth(bmc: Bmc, subject: BmcUnderTest, signal: AbortSignal) {
    const plan = await bmc.plan(signal)
    const { boot, task } = plan.drives
    if (!boot) throw new Error(`plan ${plan.name} boots from no drive`)
    await bmc.insertMedia(boot, subject.imageUrls.boot, signal)
    if (task) await bmc.insertMedia(task, subject.imageUrls.task, signal)
    return { plan, boot, task }
  }

  story('a job’s way from off to on and back', async (bmc, subject, signal) => {
    await bmc.powerOff(signal)
    expect(subject.truth().power).toBe('Off')

    const { plan, boot, task } = await insertBoth(bmc, subject, signal)
    const { boot: bootUrl, task: taskUrl } = subject.imageUrls
    expect(subject.truth().images).toEqual({ [boot]: bootUrl, ...(task && { [task]: taskUrl }) })

    await bmc.overrideBootOnce(plan.bootTarget, signal)
    expect(subject.truth().override).toMatchObject({ enabled: 'Once', target: plan.bootTarget })

    await bmc.powerOn(signal)
    await subject.until(({ booted }) => booted.length > 0)
    expect(subject.truth().booted).toEqual([boot])
    if (usedUp) expect(subject.truth().override.enabled).toBe('Disabled')

    await bmc.powerOff(signal)
    const ours = (url: string) => url === bootUrl || url === taskUrl
    expect(await bmc.ejectMedia(boot, ours, signal)).toBe('confirmed')
    if (task) expect(await bmc.ejectMedia(task, ours, signal)).toBe('confirmed')
    expect(subject.truth().images).toEqual({})

    await bmc.clearBootOverride(signal)
    await bmc.powerOn(signal)
    expect(subject.truth().power).toBe('On')
  })

  story('every verb may be repeated', async (bmc, subject, signal) => {
    await bmc.powerOff(signal)
    await bmc.powerOff(signal)
    const { boot, task, plan } = await insertBoth(bmc, subject, signal)
    await insertBoth(bmc, subject, signal)
    expect(Object.keys(subject.truth().images).sort()).toEqual(
      [boot, ...(task ? [task] : [])].sort(),
    )
    await bmc.overrideBootOnce(plan.bootTarget, signal)
    await bmc.overrideBootOnce(plan.bootTarget, signal)
    await bmc.clearBootOverride(signal)
    await bmc.clearBootOverride(signal)
    expect(subject.truth().override.enabled).toBe('Disabled')
    const all = () => true
    expect(await bmc.ejectMedia(boot, all, signal)).toBe('confirmed')
    expect(await bmc.ejectMedia(boot, all, signal)).toBe('confirmed')
    if (task) expect(await bmc.ejectMedia(task, all, signal)).toBe('confirmed')
    await bmc.powerOn(signal)
    await bmc.powerOn(signal)
    expect(subject.truth().power).toBe('On')
  })

  story('a second launch with the machine on', async (bmc, subject, signal) => {
    await bmc.powerOff(signal)
    await bmc.powerOn(signal)
    const { boot, plan } = await insertBoth(bmc, subject, signal)
    await bmc.overrideBootOnce(plan.bootTarget, signal)
    await bmc.restart(signal)
    await subject.until(({ booted }) => booted.includes(boot))
    expect((await bmc.read(signal)).power).toBe('On')
  })

  story('an image that is not ours stays in', async (bmc, subject, signal) => {
    const { boot } = await insertBoth(bmc, subject, signal)
    expect(await bmc.ejectMedia(boot, () => false, signal)).toBe('confirmed')
    expect(subject.truth().images[boot]).toBe(subject.imageUrls.boot)
  })

  story('looking changes nothing', async (bmc, subject, signal) => {
    const before = { ...subject.truth(), sessions: 0 }
    const survey = await bmc.survey(signal)
    expect(survey.plan?.name).toMatch(/^(two-cd|cd-usb|one)$/)
    expect(survey.serial ?? survey.uuid).toBeTruthy()
    expect(survey.drives.length).toBeGreaterThan(0)
    await bmc.read(signal)
    expect({ ...subject.truth(), sessions: 0 }).toEqual(before)
  })

  story('a signal ends a verb at once', async (bmc, _, signal) => {
    const reason = new Error('enough')
    await expect(bmc.powerOff(AbortSignal.abort(reason))).rejects.toBe(reason)
    // The session is still good for others.
    expect((await bmc.read(signal)).drives.length).toBeGreaterThan(0)
  })
}
