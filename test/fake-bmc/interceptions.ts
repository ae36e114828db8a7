// SPDX-License-Identifier: AGPL-3.0-or-later
import {
  type Answer,
  type Asked,
  DROPPED,
  type Interception,
  type Outcome,
} from '../../plugins/simulator/index.ts'

/** Which requests a fault lies upon. */
export type Which = (asked: Asked) => boolean

export const isInsert: Which = ({ method, path }) =>
  method === 'POST' && /InsertMedia\/?$/.test(path)
export const isEject: Which = ({ method, path }) => method === 'POST' && /EjectMedia\/?$/.test(path)
export const isBoot: Which = ({ method, text }) => method === 'PATCH' && text.includes('"Boot"')
export const isReset: Which = ({ method, path }) => method === 'POST' && /\.Reset\/?$/.test(path)
export const isLogin: Which = ({ method, path }) => method === 'POST' && /\/Sessions\/?$/.test(path)
export const isGet: Which = ({ method }) => method === 'GET'
export const isDrive: Which = ({ method, path }) =>
  method === 'GET' && /\/VirtualMedia\/[^/]+\/?$/.test(path)
export const isSystem: Which = ({ method, path }) =>
  method === 'GET' && /\/Systems\/[^/]+\/?$/.test(path)
export const isManager: Which = ({ method, path }) =>
  method === 'GET' && /\/Managers\/[^/]+\/?$/.test(path)
export const isRoot: Which = ({ method, path }) =>
  method === 'GET' && /^\/redfish\/v1\/?$/.test(path)
/** Ordering power on of a certain kind. */
export const isResetTo =
  (type: string): Which =>
  (asked) =>
    isReset(asked) && asked.text.includes(`"${type}"`)

type Doing = (asked: Asked, next: () => Promise<Outcome>) => Outcome | Promise<Outcome>

/** Does something else with the first `times` of such requests. */
export function instead(
  which: Which,
  doing: Doing,
  times = Number.POSITIVE_INFINITY,
): Interception {
  let done = 0
  return async (asked, next) => {
    if (!which(asked) || done >= times) return next()
    done += 1
    return doing(asked, next)
  }
}

/** Answers instead of the controller. */
export const answers = (which: Which, answer: Answer, times?: number) =>
  instead(which, () => answer, times)

/** An error body with one extended message. */
export const refusal = (
  status: number,
  MessageId: string,
  Message = '',
  MessageArgs: string[] = [],
) => ({
  status,
  body: {
    error: {
      code: 'Base.1.8.GeneralError',
      message: 'A general error has occurred.',
      '@Message.ExtendedInfo': [{ MessageId, ...(Message && { Message }), MessageArgs }],
    },
  },
})

/** The line breaks before an answer. */
export const drops = (which: Which, times?: number) => instead(which, () => DROPPED, times)

/** The controller does what it was told, and the line breaks before its answer. */
export const dropsAfter = (which: Which, times?: number) =>
  instead(
    which,
    async (_, next): Promise<Outcome> => {
      await next()
      return DROPPED
    },
    times,
  )

/** Resources that read otherwise. */
export const shows = (
  which: Which,
  // biome-ignore lint/suspicious/noExplicitAny: resources as they come
  change: (body: any) => object,
  times?: number,
) =>
  instead(
    which,
    async (_, next) => {
      const outcome = await next()
      if (outcome === DROPPED || outcome.status !== 200) return outcome
      return { ...outcome, body: change(outcome.body) }
    },
    times,
  )

/** Something that is no answer of a Redfish service. */
export const writes = (which: Which, write: NonNullable<Answer['write']>, times?: number) =>
  answers(which, { status: 200, write }, times)

/** A whole text under a content type of its own. */
export const page =
  (type: string, text: string): NonNullable<Answer['write']> =>
  (response) => {
    response.writeHead(200, { 'Content-Type': type })
    response.end(text)
  }

/** Takes the order into a task that is looked at under its own path: what it says then. */
export function inTask(which: Which, looks: readonly Answer[]): Interception {
  const path = '/redfish/v1/TaskService/Tasks/JOB'
  let look = -1
  return async (asked, next) => {
    if (which(asked)) return { status: 202, headers: { Location: path } }
    if (asked.path !== path) return next()
    look = Math.min(look + 1, looks.length - 1)
    return looks[look] ?? { status: 404 }
  }
}

/** As `inTask`, but the order itself is carried out. */
export function inTaskDone(which: Which, looks: readonly Answer[]): Interception {
  const wrapped = inTask(which, looks)
  return async (asked, next) => {
    if (which(asked)) await next()
    return wrapped(asked, next)
  }
}
