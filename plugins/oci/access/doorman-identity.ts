// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Auth, Principal } from '../../../core/auth/auth.ts'
import { Fault } from '../../../core/faults.ts'
import { callerOf, type Throttle } from '../../../core/throttle.ts'
import { ociFaults } from '../errors.ts'
import { accessFaults } from './access-faults.ts'
import { type JobCredentials, type JobLogin, jobOfUser } from './job-credential.ts'
import type { Caller } from './policy.ts'
import type { Subject, Tokens } from './token.ts'
import type { Grant } from './token-scope.ts'

/** Who knocks, and by what. */
export interface Visitor {
  /** As it stands in logs and beside what it pushed. */
  readonly name: string
  readonly caller: Caller
  /** Of whoever logged in at a door of core. */
  readonly principal?: Principal
  readonly login?: JobLogin
  /** Of a token of ours: it opens these and nothing else. Absent: all that its bearer may do. */
  readonly grants?: readonly Grant[]
}

/** What `job-…` begins with in base64, as far as its first letters decide it. */
const JOB_IN_BASE64 = 'am9iL'

/** Nobody logged in. */
export const ANYONE: Visitor = { name: 'anyone', caller: { kind: 'anyone' } }

export interface Identifier {
  /**
   * Judges an `Authorization` header; without one it is anyone. `wanted`: a digest that is about to
   * be asked for. Throws `oci.unauthorized`, and 429 with a time to wait.
   */
  identify(
    authorization: string | undefined,
    clientAddress: string,
    wanted?: string,
  ): Promise<Visitor>
  /** Counts a failed try of that address, and throws 429 where there were too many. */
  failed(clientAddress: string): void
}

export interface IdentifierParts {
  readonly auth: Auth
  readonly tokens: Tokens
  readonly credentials: JobCredentials
  /** Failed tries with what core does not know: logins of jobs and refresh tokens. */
  readonly throttle: Throttle
}

const visitorOf = (principal: Principal): Visitor => {
  const { name, role, groups = [] } = principal
  return { name, principal, caller: { kind: 'user', name, role, groups } }
}

const visitorOfJob = (login: JobLogin): Visitor => ({
  name: `job-${login.job}`,
  caller: { kind: 'job', id: login.job },
  login,
})

const refused = (why: string, cause?: unknown) =>
  ociFaults.unauthorized(why, cause === undefined ? {} : { cause })

export function createIdentifier(parts: IdentifierParts): Identifier {
  const { auth, tokens, credentials, throttle } = parts

  const failed = (clientAddress: string): void => {
    const key = callerOf(clientAddress)
    const seconds = throttle.waitSeconds(key)
    throttle.hit(key)
    if (seconds === 0) return
    throw accessFaults.tooManyTries(`too many failed logins: try again in ${seconds} s`, {
      retryAfterSeconds: seconds,
    })
  }

  /** Whoever the token was made for, as they stand now. */
  const bearerOf = async (subject: Subject, wanted: string | undefined): Promise<Visitor> => {
    if (subject.by === 'anyone') return ANYONE
    if (subject.by === 'job') {
      const login = await credentials.alive(jobOfUser(subject.name) ?? '', wanted)
      if (!login) throw refused('the job of this token is over')
      return visitorOfJob(login)
    }
    if (subject.by === 'jwt') {
      const { name, role, groups } = subject
      return visitorOf({ name, role, groups, by: 'jwt' })
    }
    const standing = await auth.standing(subject)
    if (standing?.epoch === subject.epoch) return visitorOf(standing.principal)
    throw refused('the user of this token was changed or removed: log in again')
  }

  /** Of core's own doors: users, the admin token, tokens of an outside issuer. */
  const byCore = async (authorization: string, clientAddress: string): Promise<Visitor> => {
    try {
      return visitorOf(await auth.authenticate(authorization, clientAddress))
    } catch (cause) {
      if (!(cause instanceof Fault) || cause.kind.status !== 401) throw cause
      throw refused(cause.message, cause)
    }
  }

  return {
    failed,
    async identify(authorization, clientAddress, wanted) {
      if (!authorization) return ANYONE
      const [, scheme = '', value = ''] = /^(\w+) +(\S+) *$/.exec(authorization) ?? []
      if (/^bearer$/i.test(scheme)) {
        const token = tokens.judge(value)
        if (token === undefined) return byCore(authorization, clientAddress)
        if ('why' in token) throw refused(token.why)
        return { ...(await bearerOf(token.subject, wanted)), grants: token.grants }
      }
      // Only logins of jobs are read here; core reads the others.
      if (!value.startsWith(JOB_IN_BASE64)) return byCore(authorization, clientAddress)
      const [, user = '', password = ''] =
        /^([^:]*):(.*)$/s.exec(Buffer.from(value, 'base64').toString()) ?? []
      const job = jobOfUser(user)
      if (job === undefined) return byCore(authorization, clientAddress)
      const login = await credentials.judge(job, password, wanted)
      if (login) return visitorOfJob(login)
      failed(clientAddress)
      throw refused('the login of this job was refused: it ends with its job')
    },
  }
}
