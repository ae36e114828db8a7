// SPDX-License-Identifier: AGPL-3.0-or-later

const encoder = new TextEncoder()

/** UTF-8 bytes of a text. */
export const utf8 = (text: string): Uint8Array<ArrayBuffer> => encoder.encode(text)

/** A record of fixed fields, addressed by offset: the numbers of ECMA-119 §7 and the texts of §8. */
export class Fields {
  readonly bytes: Uint8Array<ArrayBuffer>
  #made: DataView | undefined

  constructor(sizeOrBytes: number | Uint8Array<ArrayBuffer>) {
    this.bytes = typeof sizeOrBytes === 'number' ? new Uint8Array(sizeOrBytes) : sizeOrBytes
  }

  /** Only where it is needed: for it the runtime gives a small array a buffer object of its own. */
  get #view(): DataView {
    if (this.#made) return this.#made
    const { buffer, byteOffset, byteLength } = this.bytes
    this.#made = new DataView(buffer, byteOffset, byteLength)
    return this.#made
  }

  u8(at: number, value: number): this {
    return this.put(at, [value])
  }

  le16(at: number, value: number): this {
    this.#view.setUint16(at, value, true)
    return this
  }

  be16(at: number, value: number): this {
    this.#view.setUint16(at, value)
    return this
  }

  le32(at: number, value: number): this {
    this.#view.setUint32(at, value, true)
    return this
  }

  le64(at: number, value: number): this {
    this.#view.setBigUint64(at, BigInt(value), true)
    return this
  }

  be32(at: number, value: number): this {
    this.#view.setUint32(at, value)
    return this
  }

  /** 16 bits in both byte orders, 4 bytes (ECMA-119 §7.2.3). */
  both16(at: number, value: number): this {
    return this.le16(at, value).be16(at + 2, value)
  }

  /** 32 bits in both byte orders, 8 bytes (ECMA-119 §7.3.3). */
  both32(at: number, value: number): this {
    return this.le32(at, value).be32(at + 4, value)
  }

  /** Copies `bytes`; throws when they do not fit. */
  put(at: number, bytes: ArrayLike<number>): this {
    this.bytes.set(bytes, at)
    return this
  }

  /** ASCII text, filled up with spaces. */
  text(at: number, length: number, text: string): this {
    return this.put(at, utf8(text.padEnd(length).slice(0, length)))
  }
}
