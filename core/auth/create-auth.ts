// SPDX-License-Identifier: AGPL-3.0-or-later
import type { CoreConfig } from '../config.ts'
import type { Registry } from '../metrics/registry.ts'
import type { Db } from '../store/client.ts'
import { callerOf, createThrottle, type Throttle } from '../throttle.ts'
import { MINUTE } from '../units.ts'
import { type AdminToken, openAdminToken } from './admin-token.ts'
import { type Auth, type Principal, ROLES } from './auth.ts'
import { createCredentialCache } from './credential-cache.ts'
import { authFaults, refused } from './faults.ts'
import { type JwtVerifier, openJwtVerifier } from './jwt.ts'
import { type Argon2, createPasswords, type Passwords } from './passwords.ts'
import { ADMIN, createStandings } from './standings.ts'
import { createUsers, principalOf, type Users } from './users.ts'

const REFUSED = 'the login was refused: check name and password, or the token'

/** What logging in needs. */
export interface AuthParts {
  readonly db: Db
  /** Unix ms. */
  readonly now: () => number
  readonly config: CoreConfig['auth']
  /** `admin.token` in the data folder. */
  readonly adminTokenFile: string
  /** Where the runs of the password hash are counted. */
  readonly metrics?: Registry
  /** Bun's argon2id unless a test counts the runs. */
  readonly argon2?: Argon2
}

/** The doors, the users behind them, and where the admin token lies. */
export interface AuthSystem {
  readonly auth: Auth
  readonly users: Users
  readonly adminToken: AdminToken
}

/** One store of who may come in, for every door. Throws `auth.config` for keys that can not do. */
export async function createAuth(parts: AuthParts): Promise<AuthSystem> {
  const { db, now, config } = parts
  const adminToken = await openAdminToken(parts.adminTokenFile)
  const jwt = await openJwtVerifier(config, now)
  const cache = createCredentialCache(now)
  const passwords = createPasswords(parts.argon2, countRuns(parts.metrics))
  const users: Users = createUsers({
    ...{ db, now, passwords },
    onChange(name) {
      cache.forget(name)
      standings.forget(name)
    },
  })
  const standings = createStandings(users.find, adminToken)
  const throttle = createThrottle({ limit: config.login_failures, windowMs: MINUTE, now })
  const doors: Doors = { adminToken, jwt, cache, passwords, users, throttle }
  return {
    adminToken,
    users,
    auth: {
      async authenticate(authorization, clientAddress) {
        const [, scheme = '', value = ''] = /^(\w+) +(\S+) *$/.exec(authorization ?? '') ?? []
        const caller = callerOf(clientAddress)
        if (/^bearer$/i.test(scheme)) return byBearer(doors, value, caller)
        if (/^basic$/i.test(scheme)) return byPassword(doors, value, caller)
        throw refused('this needs a login: send a bearer token, or name and password')
      },
      standing: standings.of,
      require(principal, role) {
        if (ROLES.indexOf(principal.role) >= ROLES.indexOf(role)) return
        throw authFaults.forbidden(
          `this needs the role ${role}, and ${principal.name} is ${principal.role}: ask an admin for it`,
        )
      },
    },
  }
}

/** Each run takes a tenth of a second and 64 MiB: how often one was needed tells whether the cache works. */
function countRuns(metrics: Registry | undefined): () => void {
  const runs = metrics?.counter(
    'slipway_auth_password_hash_total',
    'Runs of the password hash: to judge a login that was not judged a moment ago, or to make one.',
  )
  return () => runs?.add({})
}

interface Doors {
  readonly adminToken: AdminToken
  readonly jwt: JwtVerifier | undefined
  readonly cache: ReturnType<typeof createCredentialCache>
  readonly passwords: Passwords
  readonly users: Users
  readonly throttle: Throttle
}

/**
 * Tokens are judged before the throttle is asked: it costs little, nobody guesses 256 bits, and a
 * good token must not wait for somebody else's bad ones. They have a count of their own, so that a
 * program with an expired token does not lock out the people behind the same address.
 */
function byBearer({ adminToken, jwt, throttle }: Doors, token: string, caller: string): Principal {
  if (adminToken.matches(token)) return ADMIN
  try {
    if (jwt && token.includes('.')) return jwt.verify(token)
    throw refused(REFUSED)
  } catch (error) {
    mayTry(throttle, [`token ${caller}`])
    throttle.hit(`token ${caller}`)
    throw error
  }
}

async function byPassword(doors: Doors, encoded: string, caller: string): Promise<Principal> {
  const { cache, throttle } = doors
  const [, name, password] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, 'base64').toString()) ?? []
  if (name === undefined || password === undefined) throw refused(REFUSED)
  // Programs that know only name and password (every registry client) come in with the token too.
  if (name === ADMIN.name && doors.adminToken.matches(password)) return ADMIN
  const known = cache.find(name, password)
  if (known) return known
  const keys = [`address ${caller}`, `name ${name.slice(0, 64)}`]
  mayTry(throttle, keys)
  const principal = await cache.judged(name, password, () => judge(doors, keys, name, password))
  if (principal) return principal
  throw refused(REFUSED)
}

/** Counted as failed until it has succeeded: many at the same time can not slip under the limit. */
async function judge(
  { throttle, users, passwords }: Doors,
  keys: readonly string[],
  name: string,
  password: string,
): Promise<Principal | undefined> {
  const takeBacks = keys.map((key) => throttle.hit(key))
  const takeBack = () => {
    for (const one of takeBacks) one()
  }
  try {
    const user = await users.find(name)
    if (!(await passwords.verify(password, user?.passwordHash)) || !user) return undefined
    takeBack()
    return principalOf(user)
  } catch (error) {
    // A database or a queue that failed is not the caller's failed login.
    takeBack()
    throw error
  }
}

function mayTry(throttle: Throttle, keys: readonly string[]): void {
  const seconds = Math.max(...keys.map((key) => throttle.waitSeconds(key)))
  if (seconds === 0) return
  throw authFaults.throttled(`too many failed logins: try again in ${seconds} s`, {
    retryAfterSeconds: seconds,
  })
}
