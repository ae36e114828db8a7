// SPDX-License-Identifier: AGPL-3.0-or-later
import { DAY, GiB, HOUR, KiB, MINUTE, MiB, SECOND } from './units.ts'

/** A length of time in its two largest units: `2 min 13 s`. Below a second `0 s`. */
export function span(ms: number): string {
  const units: readonly (readonly [size: number, name: string])[] = [
    [DAY, 'd'],
    [HOUR, 'h'],
    [MINUTE, 'min'],
    [SECOND, 's'],
  ]
  const first = units.findIndex(([size]) => ms >= size)
  if (first === -1) return '0 s'
  let rest = ms
  const parts = units.slice(first, first + 2).map(([size, name]) => {
    const count = Math.floor(rest / size)
    rest -= count * size
    return count > 0 ? `${count} ${name}` : ''
  })
  return parts.filter(Boolean).join(' ')
}

/** `3 min ago`; a clock that runs ahead of ours gives `now`. */
export function ago(time: string, now: number): string {
  const ms = now - Date.parse(time)
  if (Number.isNaN(ms)) return time
  return ms < SECOND ? 'now' : `${span(ms).split(' ').slice(0, 2).join(' ')} ago`
}

/** Date and time of day where the reader is: `2026-11-22 10:03:04`. */
export function localTime(time: string): string {
  const date = new Date(time)
  if (Number.isNaN(date.getTime())) return time
  const two = (value: number) => String(value).padStart(2, '0')
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

/** Time of day alone: `10:03:04`. */
export const timeOfDay = (time: string) => localTime(time).split(' ').at(-1) ?? time

/** Bytes as people read them, binary units: `3.2 GiB`. */
export function sizeOf(bytes: number): string {
  if (bytes >= GiB) return `${(bytes / GiB).toFixed(1)} GiB`
  if (bytes >= MiB) return `${(bytes / MiB).toFixed(1)} MiB`
  return bytes >= KiB ? `${Math.round(bytes / KiB)} KiB` : `${bytes} B`
}
