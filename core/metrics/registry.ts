// SPDX-License-Identifier: AGPL-3.0-or-later

export type Labels = Readonly<Record<string, string>>

export interface Sample {
  readonly labels: Labels
  readonly value: number
}

export interface Counter {
  add(labels: Labels, by?: number): void
}

export interface Histogram {
  observe(labels: Labels, value: number): void
}

/** Metrics by name, shown in the order in which they were made. */
export interface Registry {
  counter(name: string, help: string): Counter
  /** Read when somebody looks. `type` is `counter` for what only grows. */
  measured(
    name: string,
    help: string,
    type: 'gauge' | 'counter',
    read: () => readonly Sample[],
  ): void
  /** `bounds` rise; what is above the last falls into `+Inf`. */
  histogram(name: string, help: string, bounds: readonly number[]): Histogram
  /** Called before each look, for values that must be fetched. What it throws fails the look. */
  before(work: () => Promise<void>): void
  /** Prometheus text format 0.0.4, with what is known. */
  render(): string
  /** The same, after all that is called before. */
  collect(): Promise<string>
}

const escapeHelp = (text: string) => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
const escapeLabel = (text: string) => escapeHelp(text).replaceAll('"', '\\"')

const numberText = (value: number) =>
  Number.isFinite(value) ? String(value) : Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'

function line(name: string, { labels, value }: Sample): string {
  const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escapeLabel(text)}"`)
  return `${name}${pairs.length > 0 ? `{${pairs}}` : ''} ${numberText(value)}\n`
}

/** One series a set of labels. A frozen object that comes again is found without its words. */
function createSeries<T extends object>(make: () => T) {
  const series = new Map<string, { readonly labels: Labels; readonly value: T }>()
  const byObject = new WeakMap<Labels, T>()
  return {
    of(labels: Labels): T {
      const found = byObject.get(labels)
      if (found) return found
      const key = JSON.stringify(Object.entries(labels).toSorted())
      const known = series.get(key) ?? { labels, value: make() }
      series.set(key, known)
      if (Object.isFrozen(labels)) byObject.set(labels, known.value)
      return known.value
    },
    all: () => [...series.values()],
  }
}

function createHistogram(bounds: readonly number[]) {
  const series = createSeries(() => ({ buckets: bounds.map(() => 0), sum: 0, count: 0 }))
  return {
    observe(labels: Labels, value: number) {
      const own = series.of(labels)
      const index = bounds.findIndex((bound) => value <= bound)
      if (index >= 0) own.buckets[index] = (own.buckets[index] ?? 0) + 1
      own.sum += value
      own.count++
    },
    lines(name: string): string[] {
      return series.all().flatMap(({ labels, value: { buckets, sum, count } }) => {
        let below = 0
        const bucketLines = bounds.map((bound, index) => {
          below += buckets[index] ?? 0
          return line(`${name}_bucket`, { labels: { ...labels, le: String(bound) }, value: below })
        })
        return [
          ...bucketLines,
          line(`${name}_bucket`, { labels: { ...labels, le: '+Inf' }, value: count }),
          line(`${name}_sum`, { labels, value: sum }),
          line(`${name}_count`, { labels, value: count }),
        ]
      })
    },
  }
}

/** An empty registry. */
export function createRegistry(): Registry {
  const families: { name: string; help: string; type: string; lines: () => string[] }[] = []
  const befores: (() => Promise<void>)[] = []
  const registry: Registry = {
    counter(name, help) {
      const series = createSeries(() => ({ total: 0 }))
      const lines = () =>
        series.all().map(({ labels, value }) => line(name, { labels, value: value.total }))
      families.push({ name, help, type: 'counter', lines })
      return {
        add(labels, by = 1) {
          series.of(labels).total += by
        },
      }
    },
    measured(name, help, type, read) {
      families.push({ name, help, type, lines: () => read().map((sample) => line(name, sample)) })
    },
    histogram(name, help, bounds) {
      const histogram = createHistogram(bounds)
      families.push({ name, help, type: 'histogram', lines: () => histogram.lines(name) })
      return histogram
    },
    before: (work) => void befores.push(work),
    async collect() {
      await Promise.all(befores.map((work) => work()))
      return registry.render()
    },
    render() {
      return families
        .map(({ name, help, type, lines }) =>
          [`# HELP ${name} ${escapeHelp(help)}\n`, `# TYPE ${name} ${type}\n`, ...lines()].join(''),
        )
        .join('')
    },
  }
  return registry
}
