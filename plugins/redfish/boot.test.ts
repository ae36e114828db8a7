// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { type ContactOptions, createContact } from '../../test/fake-bmc/contact.ts'
import { type Heard, type Reply, refusalBody, scriptBmc } from '../../test/fake-bmc/scripted.ts'
import {
  at,
  type Resource,
  type ResourceTree,
  smallTree,
  treeBehaviour,
} from '../../test/fake-bmc/tree.ts'

const SYSTEM = '/redfish/v1/Systems/S'
const SETTINGS = `${SYSTEM}/Settings`
const ONCE = { BootSourceOverrideTarget: 'Cd', BootSourceOverrideEnabled: 'Once' }
const signal = AbortSignal.timeout(30_000)

type Answering = (heard: Heard, boot: Resource) => Reply | undefined

/** A system whose boot settings can be written at `place`; `patch` may answer something else. */
async function start(
  patch: Answering = () => undefined,
  options: Partial<ContactOptions> = {},
  change: (tree: ResourceTree) => void = () => undefined,
  place = SYSTEM,
) {
  const resources = smallTree()
  change(resources)
  const boot = () => at(resources, place)['Boot'] as Resource
  await using scope = new AsyncDisposableStack()
  const bmc = scope.use(
    await scriptBmc(
      treeBehaviour(resources, {
        [`PATCH ${place}`]: (heard) => {
          const special = patch(heard, boot())
          if (special) return special
          Object.assign(boot(), (heard.body as { Boot: Resource }).Boot)
          return { status: 200, body: {} }
        },
      }),
    ),
  )
  const contact = scope.use(await createContact({ url: bmc.url, ...options }))
  const session = scope.use(await contact.open())
  const opened = scope.move()
  return {
    session,
    contact,
    boot,
    patches: () => bmc.heard.filter(({ method }) => method === 'PATCH'),
    bodies: () =>
      bmc.heard
        .filter(({ method }) => method === 'PATCH')
        .map(({ body }) => (body as { Boot: Resource }).Boot),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

describe('boot once', () => {
  test('sets target and Once, target first, and reads back', async () => {
    await using met = await start()
    await met.session.overrideBootOnce('Cd', signal)
    expect(met.patches().map(({ text }) => text)).toEqual([JSON.stringify({ Boot: ONCE })])
    expect(met.boot()).toMatchObject({ ...ONCE, BootSourceOverrideMode: 'UEFI' })
    expect(met.contact.notes).toEqual([])
  })

  test('sends all three from the start where the profile says so, and keeps the mode', async () => {
    await using met = await start(undefined, { rules: { fullBootTriple: true } }, (tree) => {
      const boot = at(tree, SYSTEM)['Boot'] as Resource
      boot['BootSourceOverrideMode'] = 'Legacy'
    })
    await met.session.overrideBootOnce('Cd', signal)
    expect(met.bodies()).toEqual([{ ...ONCE, BootSourceOverrideMode: 'Legacy' }])
  })

  test('sends all three after a 400', async () => {
    await using met = await start(({ body }) =>
      'BootSourceOverrideMode' in (body as { Boot: Resource }).Boot ? undefined : { status: 400 },
    )
    await met.session.overrideBootOnce('Cd', signal)
    expect(met.bodies()).toHaveLength(2)
    expect(met.boot()).toMatchObject(ONCE)
  })

  test('sends the target alone where Once stands already and may not be sent again', async () => {
    await using met = await start(
      ({ body }) =>
        'BootSourceOverrideEnabled' in (body as { Boot: Resource }).Boot
          ? { status: 400 }
          : undefined,
      {},
      (tree) => {
        const boot = at(tree, SYSTEM)['Boot'] as Resource
        Object.assign(boot, { BootSourceOverrideEnabled: 'Once', BootSourceOverrideTarget: 'Hdd' })
      },
    )
    await met.session.overrideBootOnce('Cd', signal)
    expect(met.boot()).toMatchObject(ONCE)
  })

  test('goes to the settings resource where Boot stands in it', async () => {
    await using met = await start(
      undefined,
      {},
      (tree) => {
        const system = at(tree, SYSTEM)
        system['@Redfish.Settings'] = { SettingsObject: { '@odata.id': SETTINGS } }
        tree.set(SETTINGS, { '@odata.etag': '"s1"', Boot: structuredClone(system['Boot']) })
      },
      SETTINGS,
    )
    await met.session.overrideBootOnce('Cd', signal)
    expect(met.patches()[0]?.path).toBe(SETTINGS)
    expect(met.patches()[0]?.headers['if-match']).toBe('"s1"')
  })

  test('stays with the system where the settings resource has no Boot', async () => {
    await using met = await start(undefined, {}, (tree) => {
      const settings = { SettingsObject: { '@odata.id': SETTINGS } }
      at(tree, SYSTEM)['@Redfish.Settings'] = settings
      tree.set(SETTINGS, { Attributes: {} })
    })
    await met.session.overrideBootOnce('Cd', signal)
    expect(met.patches()[0]?.path).toBe(SYSTEM)
  })

  test('waits while the machine is in its self test', async () => {
    let left = 3
    const inPost = refusalBody('iLO.2.15.UnableToModifyDuringSystemPOST')
    await using met = await start(() => (left-- > 0 ? { status: 400, body: inPost } : undefined))
    await met.session.overrideBootOnce('Cd', signal)
    expect(met.bodies()).toEqual([ONCE, ONCE, ONCE, ONCE])
  })

  test('gives the self test up after its limit', async () => {
    const inPost = refusalBody('iLO.2.15.UnableToModifyDuringSystemPOST')
    await using met = await start(() => ({ status: 400, body: inPost }), {
      config: { boot_timeout_s: 0.05 },
    })
    const error = await met.session.overrideBootOnce('Cd', signal).catch((caught) => caught)
    expect(error).toMatchObject({ code: 'redfish.boot' })
    expect(error.message).toContain('UnableToModifyDuringSystemPOST')
  })

  test('a read-back that differs is a warning', async () => {
    await using met = await start((_, boot) => {
      Object.assign(boot, ONCE, { BootSourceOverrideEnabled: 'Continuous' })
      return { status: 204 }
    })
    await met.session.overrideBootOnce('Cd', signal)
    expect(met.contact.notes.join('\n')).toContain(
      'BootSourceOverrideEnabled Continuous (asked: Once)',
    )
  })

  test('a target that is not allowed is refused before anything is sent', async () => {
    await using met = await start()
    const error = await met.session.overrideBootOnce('UsbCd', signal).catch((caught) => caught)
    expect(error).toMatchObject({ code: 'redfish.boot' })
    expect(error.message).toContain('only from None, Cd, Hdd')
    expect(met.patches()).toEqual([])
  })

  test('a refusal that is not about the request is not argued with', async () => {
    await using met = await start(() => ({ status: 403 }))
    await expect(met.session.overrideBootOnce('Cd', signal)).rejects.toMatchObject({
      code: 'redfish.unauthorized',
    })
    expect(met.bodies()).toHaveLength(1)
  })

  test('a refusal for good tells the words', async () => {
    const body = refusalBody('IDRAC.2.8.SYS403', 'Not supported on this model.')
    await using met = await start(() => ({ status: 400, body }))
    const error = await met.session.overrideBootOnce('Cd', signal).catch((caught) => caught)
    expect(error).toMatchObject({ code: 'redfish.boot' })
    expect(met.bodies()).toHaveLength(2)
    expect(error.message).toContain(`PATCH ${SYSTEM} with 400: “Not supported on this model.”`)
  })
})

describe('ETags', () => {
  const needs =
    (accepts: (match: string | undefined) => boolean, status = 412): Answering =>
    ({ headers }) =>
      accepts(headers['if-match'] as string | undefined) ? undefined : { status }
  const withEtag = (etag: string) => (tree: ResourceTree) => {
    at(tree, SYSTEM)['@odata.etag'] = etag
  }

  test.each([
    { name: 'as it came', etag: 'W/"a"', accepts: 'W/"a"', sent: ['W/"a"'] },
    { name: 'the strong form', etag: 'W/"a"', accepts: '"a"', sent: ['W/"a"', '"a"'] },
    { name: 'none at all', etag: 'W/"a"', accepts: undefined, sent: ['W/"a"', '"a"', undefined] },
    { name: 'no header for an empty one', etag: '', accepts: undefined, sent: [undefined] },
  ])('$name', async ({ etag, accepts, sent }) => {
    await using met = await start(
      needs((match) => match === accepts),
      {},
      withEtag(etag),
    )
    await met.session.overrideBootOnce('Cd', signal)
    const matches = met.patches().map(({ headers }) => headers['if-match'] as string | undefined)
    expect(matches).toEqual([...sent])
  })

  test('a fresh one where it changed meanwhile', async () => {
    let system: Resource = {}
    await using met = await start(
      ({ headers }) => {
        if (headers['if-match'] === '"2"') return undefined
        // Somebody else was faster.
        system['@odata.etag'] = '"2"'
        return { status: 412 }
      },
      {},
      (tree) => {
        system = at(tree, SYSTEM)
        system['@odata.etag'] = '"1"'
      },
    )
    await met.session.overrideBootOnce('Cd', signal)
    expect(met.patches().at(-1)?.headers['if-match']).toBe('"2"')
    expect(met.boot()).toMatchObject(ONCE)
  })

  test('any version where one is required and none was shown', async () => {
    await using met = await start(needs((match) => match === '*', 428))
    await met.session.overrideBootOnce('Cd', signal)
    expect(met.boot()).toMatchObject(ONCE)
  })
})

describe('clearing', () => {
  test('sends nothing when it reads Disabled', async () => {
    await using met = await start()
    await met.session.clearBootOverride(signal)
    expect(met.patches()).toEqual([])
  })

  test('sends Disabled alone: iLO refuses the target None', async () => {
    await using met = await start(undefined, {}, (tree) => {
      Object.assign(at(tree, SYSTEM)['Boot'] as Resource, ONCE)
    })
    await met.session.clearBootOverride(signal)
    expect(met.bodies()).toEqual([{ BootSourceOverrideEnabled: 'Disabled' }])
  })

  test('names a target where the controller wants one, best None, else the disk', async () => {
    const cleared = async (allowed: readonly string[]) => {
      await using met = await start(
        ({ body }) =>
          'BootSourceOverrideTarget' in (body as { Boot: Resource }).Boot
            ? undefined
            : { status: 400, body: refusalBody('Base.1.0.GeneralError', 'Missing the target.') },
        {},
        (tree) => {
          Object.assign(at(tree, SYSTEM)['Boot'] as Resource, ONCE, {
            'BootSourceOverrideTarget@Redfish.AllowableValues': allowed,
          })
        },
      )
      await met.session.clearBootOverride(signal)
      return met.boot()['BootSourceOverrideTarget']
    }
    expect(await cleared(['None', 'Cd', 'Hdd'])).toBe('None')
    expect(await cleared(['Pxe', 'Cd', 'Hdd'])).toBe('Hdd')
  })

  test('a refusal is an error', async () => {
    await using met = await start(
      () => ({ status: 400 }),
      {},
      (tree) => {
        Object.assign(at(tree, SYSTEM)['Boot'] as Resource, ONCE)
      },
    )
    await expect(met.session.clearBootOverride(signal)).rejects.toMatchObject({
      code: 'redfish.boot',
    })
  })
})
