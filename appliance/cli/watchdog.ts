// SPDX-License-Identifier: AGPL-3.0-or-later

/** Ends a stream that has been silent too long: a connection can die without a word. */
export class Watchdog {
  /** For the request: aborted by the caller's signal, by silence, and by `stop`. */
  readonly signal: AbortSignal
  /** Was it silence that ended the stream? */
  expired = false
  readonly #quietMs: number
  readonly #end = new AbortController()
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(quietMs: number, outer: AbortSignal) {
    this.#quietMs = quietMs
    this.signal = AbortSignal.any([outer, this.#end.signal])
  }

  /** The same bytes; each piece winds the clock up again. */
  guard(body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
    this.#wind()
    const watch = new TransformStream<Uint8Array, Uint8Array>({
      transform: (bytes, controller) => {
        this.#wind()
        controller.enqueue(bytes)
      },
    })
    return body.pipeThrough(watch)
  }

  /** Closes the connection too, when the reader left half-way. */
  stop(): void {
    clearTimeout(this.#timer)
    this.#end.abort()
  }

  #wind() {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.expired = true
      this.#end.abort()
    }, this.#quietMs)
  }
}
