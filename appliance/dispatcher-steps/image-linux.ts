// SPDX-License-Identifier: AGPL-3.0-or-later
import { SECOND } from '../../core/units.ts'
import type { Descriptor } from '../../plugins/oci/index.ts'
import { writeDisk } from './disk-image.ts'
import { stepFaults } from './faults.ts'
import { openImage, originOf } from './image-source.ts'
import { Layer } from './layer.ts'
import { withNewRoot } from './mounts.ts'
import type { Step, StepContext } from './step.ts'
import { opened, unpackTar } from './unpack.ts'

/** How often the appliance hears how far it is. */
const NEWS_MS = SECOND

/** Unpacks the image onto the partitions, or writes it over the disk; streamed from the registry. */
export const imageLinux: Step = {
  async plan({ recipe, job }) {
    const { url, repository, reference } = originOf(recipe.oci_url, job)
    return [`unpack ${repository} ${reference} from ${url}`]
  },
  async apply(context) {
    // First: an image that is missing leaves nothing mounted.
    await using image = await openImage(context)
    const { layers, isContainer } = image
    const total = layers.reduce((sum, { size }) => sum + size, 0)
    const meter = new Meter(context, total)
    const [first, ...others] = layers
    if (!first) throw stepFaults.image('the image has no layers')
    const begin = (layer: Descriptor) => {
      context.log(`layer ${layer.digest}, ${layer.size} bytes`)
      return opened(meter.count(image.open(layer)))
    }
    const content = await begin(first)
    if (content.kind === 'disk' && !isContainer) {
      await writeDisk(context, content.all)
      return
    }
    await withNewRoot(context, async (root) => {
      await unpackTar(context, content, root, undefined)
      for (const layer of others) {
        await unpackTar(context, await begin(layer), root, new Layer(root))
      }
    })
  },
}

/** Counts the bytes that come from the registry. */
class Meter {
  readonly #context: StepContext
  readonly #total: number
  #bytes = 0
  #toldAt = Number.NEGATIVE_INFINITY

  constructor(context: StepContext, total: number) {
    this.#context = context
    this.#total = total
  }

  async *count(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of source) {
      this.#bytes += piece.length
      this.#tell()
      yield piece
    }
  }

  #tell(): void {
    const { os, news } = this.#context
    if (os.elapsed() - this.#toldAt < NEWS_MS && this.#bytes < this.#total) return
    this.#toldAt = os.elapsed()
    const percent = this.#total === 0 ? 100 : Math.floor((100 * this.#bytes) / this.#total)
    news({ bytes: this.#bytes, total_bytes: this.#total, percent })
  }
}
