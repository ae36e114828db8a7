// SPDX-License-Identifier: AGPL-3.0-or-later
import { asc, eq } from 'drizzle-orm'
import type { UserInput, UserPatch, UserView } from '../../schemas/user.ts'
import { conflictFaults, requestFaults } from '../faults.ts'
import { randomToken } from '../seal.ts'
import type { Db } from '../store/client.ts'
import { users } from '../store/tables.ts'
import type { Principal } from './auth.ts'
import type { Passwords } from './passwords.ts'

/** A row of the store, hash included: never to be sent to anybody. */
export type User = typeof users.$inferSelect

/** People and programs that log in with a password. Inputs have passed `schemas/user.ts`. */
export interface Users {
  list(): Promise<readonly UserView[]>
  /** With the hash: for judging logins. */
  find(name: string): Promise<User | undefined>
  /** Throws `conflict.exists`. */
  create(input: UserInput): Promise<UserView>
  /** Sets role, password, groups or several at once. Throws `request.not-found`. */
  change(name: string, patch: UserPatch): Promise<UserView>
  /** Throws `request.not-found`. */
  remove(name: string): Promise<void>
}

/** What the store of users needs. */
export interface UsersParts {
  readonly db: Db
  readonly now: () => number
  readonly passwords: Passwords
  /** A user changed or went: what was remembered of that login is void. */
  readonly onChange: (name: string) => void
}

/** The users of a database; every change is told before its promise resolves. */
export function createUsers({ db, now, passwords, onChange }: UsersParts): Users {
  return {
    async list() {
      return (await db.read.select().from(users).orderBy(asc(users.name))).map(userView)
    },
    async find(name) {
      return (await db.read.select().from(users).where(eq(users.name, name)))[0]
    },
    async create({ name, role, password, groups = [] }) {
      const passwordHash = await passwords.hash(password)
      const row = { name, role, passwordHash, groups, epoch: randomToken(128), createdAt: now() }
      const [made] = await db.write((tx) =>
        tx.insert(users).values(row).onConflictDoNothing().returning(),
      )
      if (!made) {
        throw conflictFaults.exists(
          `there is a user ${name} already: change it, or take another name`,
        )
      }
      onChange(name)
      return userView(made)
    },
    async change(name, { role, password, groups }) {
      const changes = {
        epoch: randomToken(128),
        ...(groups === undefined ? {} : { groups }),
        ...(role === undefined ? {} : { role }),
        ...(password === undefined ? {} : { passwordHash: await passwords.hash(password) }),
      }
      const [changed] = await db.write((tx) =>
        tx.update(users).set(changes).where(eq(users.name, name)).returning(),
      )
      if (!changed) throw unknown(name)
      onChange(name)
      return userView(changed)
    },
    async remove(name) {
      const gone = await db.write((tx) => tx.delete(users).where(eq(users.name, name)).returning())
      if (gone.length === 0) throw unknown(name)
      onChange(name)
    },
  }
}

const unknown = (name: string) => requestFaults.notFound(`there is no user ${name}`)

const userView = ({ name, role, groups, createdAt }: User): UserView => ({
  name,
  role,
  groups: [...groups],
  created_at: new Date(createdAt).toISOString(),
})

/** Who that is, when it logs in. */
export const principalOf = ({ name, role, groups }: User): Principal => ({
  name,
  role,
  by: 'basic',
  ...(groups.length > 0 ? { groups } : {}),
})
