// SPDX-License-Identifier: AGPL-3.0-or-later
import { SECOND } from '../../core/units.ts'
import { type Image, openImage, originOf } from './image-source.ts'
import { Layer } from './layer.ts'
import { withNewRoot } from './mounts.ts'
import type { Step, StepContext } from './step.ts'
import { unpackTar } from './unpack.ts'

/** How often the appliance hears how far it is. */
const NEWS_MS = SECOND

/** Unpacks the image onto the partitions, streamed from the registry. */
export const imageLinux: Step = {
  async plan({ recipe, job }) {
    const { url, repository, reference } = originOf(recipe.oci_url, job)
    return [`unpack ${repository} ${reference} from ${url}`]
  },
  async apply(context) {
    // First: an image that is missing leaves nothing mounted.
    await using image = await openImage(context)
    await withNewRoot(context, (root) => unpackAll(context, image, root))
  },
}

async function unpackAll(context: StepContext, image: Image, root: string): Promise<void> {
  const { layers, isContainer } = image
  const meter = new Meter(
    context,
    layers.reduce((sum, { size }) => sum + size, 0),
  )
  for (const [index, layer] of layers.entries()) {
    context.log(`layer ${index + 1} of ${layers.length}: ${layer.digest}, ${layer.size} bytes`)
    const watch = isContainer && index > 0 ? new Layer(root) : undefined
    await unpackTar(context, meter.count(image.open(layer)), root, watch)
  }
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
