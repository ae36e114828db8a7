// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import type { Db } from '../../../core/store/client.ts'
import {
  OciImmutableRule,
  OciQuotaRule,
  type OciRetention,
  OciRetentionRule,
} from '../../../schemas/oci-admin.ts'
import type { CareConfig } from './care-config.ts'
import { createGlob } from './care-glob.ts'
import { createFact } from './care-state.ts'

/** Rules of the configuration file, and behind them those that came over the API. */
export interface Rules {
  retention(): readonly OciRetentionRule[]
  quotas(): readonly OciQuotaRule[]
  /** May nobody move or delete this tag? */
  isImmutable(repository: string, tag: string): boolean
  retentionView(): OciRetention
  quotaSource(position: number): 'config' | 'api'
  setRetention(
    rules: readonly OciRetentionRule[],
    immutable: readonly OciImmutableRule[],
  ): Promise<void>
  setQuotas(quotas: readonly OciQuotaRule[]): Promise<void>
  load(): Promise<void>
}

const Retention = v.object({
  rules: v.array(OciRetentionRule),
  immutable: v.array(OciImmutableRule),
})

const sourced = <T>(config: readonly T[], api: readonly T[]) => [
  ...config.map((rule) => ({ ...rule, source: 'config' as const })),
  ...api.map((rule) => ({ ...rule, source: 'api' as const })),
]

export function createRules(
  db: Db,
  config: Pick<CareConfig, 'retention' | 'immutable' | 'quotas'>,
): Rules {
  const stored = createFact(db, 'retention', Retention, { rules: [], immutable: [] })
  const storedQuotas = createFact(db, 'quotas', v.array(OciQuotaRule), [])
  /** Compiled once a change: it is asked at every push. */
  let immutable: readonly ((repository: string, tag: string) => boolean)[] = []
  let quotas: readonly OciQuotaRule[] = []

  const compile = () => {
    quotas = [...config.quotas, ...storedQuotas.get()]
    immutable = [...config.immutable, ...stored.get().immutable].map((rule) => {
      const [isRepository, isTag] = [createGlob(rule.repositories), createGlob(rule.tags)]
      return (repository, tag) => isRepository(repository) && isTag(tag)
    })
  }
  compile()

  return {
    retention: () => [...config.retention, ...stored.get().rules],
    quotas: () => quotas,
    isImmutable: (repository, tag) => immutable.some((matches) => matches(repository, tag)),
    retentionView: () => ({
      rules: sourced(config.retention, stored.get().rules),
      immutable: sourced(config.immutable, stored.get().immutable),
    }),
    quotaSource: (position) => (position < config.quotas.length ? 'config' : 'api'),
    async setRetention(rules, fixed) {
      await stored.set({ rules: [...rules], immutable: [...fixed] })
      compile()
    },
    async setQuotas(next) {
      await storedQuotas.set([...next])
      compile()
    },
    async load() {
      await Promise.all([stored.load(), storedQuotas.load()])
      compile()
    },
  }
}
