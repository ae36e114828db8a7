// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { type ContactOptions, createContact } from '../../test/fake-bmc/contact.ts'
import { type Behaviour, refusalBody, scriptBmc } from '../../test/fake-bmc/scripted.ts'
import {
  at,
  type Resource,
  type ResourceTree,
  smallTree,
  treeBehaviour,
} from '../../test/fake-bmc/tree.ts'

const SYSTEM = '/redfish/v1/Systems/S'
const RESULT: Record<string, string> = {
  On: 'On',
  ForceOn: 'On',
  ForceOff: 'Off',
  ForceRestart: 'On',
  PowerCycle: 'On',
}
const signal = AbortSignal.timeout(30_000)

interface Parts {
  readonly power?: string
  /** Undefined carries the reset out at once. */
  readonly reset?: (type: string, system: Resource) => ReturnType<Behaviour> | undefined
  readonly change?: (tree: ResourceTree) => void
}

async function start(parts: Parts = {}, options: Partial<ContactOptions> = {}) {
  const resources = smallTree()
  const system = at(resources, SYSTEM)
  system['PowerState'] = parts.power ?? 'On'
  parts.change?.(resources)
  const types: string[] = []
  await using scope = new AsyncDisposableStack()
  const bmc = scope.use(
    await scriptBmc(
      treeBehaviour(resources, {
        [`POST ${SYSTEM}/reset`]: ({ body }) => {
          const { ResetType } = body as { ResetType: string }
          types.push(ResetType)
          const special = parts.reset?.(ResetType, system)
          if (special) return special
          system['PowerState'] = RESULT[ResetType] ?? 'Unknown'
          return { status: 204 }
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
    types,
    system,
    bmc,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

const allow =
  (...types: string[]) =>
  (tree: ResourceTree) => {
    at(tree, SYSTEM)['Actions'] = {
      '#ComputerSystem.Reset': {
        target: `${SYSTEM}/reset`,
        ...(types.length > 0 ? { 'ResetType@Redfish.AllowableValues': types } : {}),
      },
    }
  }

describe('power', () => {
  test('off is forced, on is On', async () => {
    await using met = await start()
    await met.session.powerOff(signal)
    expect(met.system['PowerState']).toBe('Off')
    await met.session.powerOn(signal)
    expect(met.types).toEqual(['ForceOff', 'On'])
  })

  test('nothing is sent when it is so already', async () => {
    await using met = await start({ power: 'Off' })
    await met.session.powerOff(signal)
    expect(met.types).toEqual([])
  })

  test('the order is not the proof: off is waited for', async () => {
    await using met = await start({
      reset: (_, system) => {
        system['PowerState'] = 'PoweringOff'
        setTimeout(() => Object.assign(system, { PowerState: 'Off' }), 40)
        return { status: 204 }
      },
    })
    await met.session.powerOff(signal)
    expect(met.system['PowerState']).toBe('Off')
    expect(met.types).toEqual(['ForceOff'])
  })

  test('a machine that does not go off in time is an error that says what it reads', async () => {
    await using met = await start(
      { reset: () => ({ status: 204 }) },
      { config: { power_timeout_s: 0.1 } },
    )
    const error = await met.session.powerOff(signal).catch((caught) => caught)
    expect(error).toMatchObject({ code: 'redfish.power' })
    expect(error.message).toContain('still reads On instead of Off')
  })

  test.each([400, 409])('%d for "it is so already" is accepted when it is', async (status) => {
    await using met = await start({
      reset: (_, system) => {
        system['PowerState'] = 'Off'
        return { status, body: refusalBody('IDRAC.2.8.PSU501', 'Server is already powered OFF.') }
      },
    })
    await met.session.powerOff(signal)
  })

  test('a passing 409 on On is tried again', async () => {
    let left = 3
    await using met = await start({
      power: 'Off',
      reset: () =>
        left-- > 0
          ? { status: 409, body: refusalBody('Base.1.8.ActionParameterValueConflict') }
          : undefined,
    })
    await met.session.powerOn(signal)
    expect(met.types).toEqual(['On', 'On', 'On', 'On'])
  })

  test('a 400 that stays is an error with its words, after three tries', async () => {
    const body = refusalBody('Base.1.8.ActionParameterNotSupported', 'ResetType is not supported.')
    await using met = await start({ reset: () => ({ status: 400, body }) })
    const error = await met.session.powerOff(signal).catch((caught) => caught)
    expect(error).toMatchObject({ code: 'redfish.power' })
    expect(error.message).toContain('400: “ResetType is not supported.”')
    expect(met.types).toHaveLength(3)
  })

  test('a missing privilege is told at once', async () => {
    await using met = await start({ reset: () => ({ status: 403 }) })
    await expect(met.session.powerOff(signal)).rejects.toMatchObject({
      code: 'redfish.unauthorized',
    })
    expect(met.types).toHaveLength(1)
  })

  test('a 202 is followed', async () => {
    const monitor = '/redfish/v1/monitor'
    const messages = [{ MessageId: 'X.1.0.Interlock', Message: 'The chassis is open.' }]
    await using met = await start({
      reset: () => ({ status: 202, headers: { Location: monitor } }),
      change: (tree) => void tree.set(monitor, { TaskState: 'Exception', Messages: messages }),
    })
    const error = await met.session.powerOff(signal).catch((caught) => caught)
    expect(error).toMatchObject({ code: 'redfish.task' })
    expect(error.message).toContain('The chassis is open.')
  })
})

test('a restart that is refused for a moment is sent again, one that is taken is not', async () => {
  let left = 2
  await using met = await start({ reset: () => (left-- > 0 ? { status: 503 } : undefined) })
  await met.session.restart(signal)
  expect(met.types).toEqual(['ForceRestart', 'ForceRestart', 'ForceRestart'])
})

test('a restart whose answer is lost is not sent blindly again', async () => {
  await using met = await start({
    reset: () => (_, socket) => void socket.resetAndDestroy(),
  })
  await expect(met.session.restart(signal)).rejects.toMatchObject({
    code: 'redfish.connection-lost',
  })
  expect(met.types).toEqual(['ForceRestart'])
})

describe('the type of reset', () => {
  test.each([
    {
      name: 'ForceOn where there is no On',
      power: 'Off',
      allowed: ['ForceOn', 'ForceOff'],
      verb: 'powerOn' as const,
      sent: ['ForceOn'],
    },
    {
      name: 'On where the controller says nothing',
      power: 'Off',
      allowed: [],
      verb: 'powerOn' as const,
      sent: ['On'],
    },
    {
      name: 'ForceRestart for a restart',
      power: 'On',
      allowed: ['ForceRestart', 'PowerCycle'],
      verb: 'restart' as const,
      sent: ['ForceRestart'],
    },
    {
      name: 'PowerCycle where there is no ForceRestart',
      power: 'On',
      allowed: ['GracefulRestart', 'PowerCycle'],
      verb: 'restart' as const,
      sent: ['PowerCycle'],
    },
    {
      name: 'On for the restart of a machine that is off',
      power: 'Off',
      allowed: ['On', 'ForceRestart'],
      verb: 'restart' as const,
      sent: ['On'],
    },
  ])('is $name', async ({ power, allowed, verb, sent }) => {
    await using met = await start({ power, change: allow(...allowed) })
    await met.session[verb](signal)
    expect(met.types).toEqual([...sent])
  })

  test('is read from ActionInfo too', async () => {
    await using met = await start({
      power: 'Off',
      change: (tree) => {
        const info = `${SYSTEM}/ResetActionInfo`
        at(tree, SYSTEM)['Actions'] = {
          '#ComputerSystem.Reset': { target: `${SYSTEM}/reset`, '@Redfish.ActionInfo': info },
        }
        tree.set(info, { Parameters: [{ Name: 'ResetType', AllowableValues: ['ForceOn'] }] })
      },
    })
    await met.session.powerOn(signal)
    expect(met.types).toEqual(['ForceOn'])
  })

  test.each(['powerOff', 'restart'] as const)('is never a graceful one: %s', async (verb) => {
    await using met = await start({ change: allow('GracefulShutdown', 'GracefulRestart') })
    await expect(met.session[verb](signal)).rejects.toMatchObject({
      code: 'redfish.power',
      message: expect.stringContaining('only GracefulShutdown, GracefulRestart'),
    })
    expect(met.types).toEqual([])
  })
})
