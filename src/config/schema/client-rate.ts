/** `messages_rate`, `bytes_rate` and their bursts: EMQX's names, each of one client of a listener. */
import type { ClientRate } from '../config.js'
import * as form from './form.js'

/** So many at once beside the rate, and how soon they come back. */
export interface Burst {
  readonly tokens: number
  readonly perSecond: number
}

/** Above 0: a client that may send nothing is one that may not connect. */
export const messageRate: form.Form<number> = {
  type: 'a rate such as 1000/s',
  read: (raw) =>
    ratio(raw, (count) => (/^\d+$/.test(count) ? Number(count) : null))?.perSecond ??
    new form.Refusal(),
}

export const byteRate: form.Form<number> = {
  type: 'a rate such as 1MB/s',
  read: (raw) => ratio(raw, bytes)?.perSecond ?? new form.Refusal(),
}

export const messageBurst: form.Form<Burst> = {
  type: 'a burst such as 10000/60m',
  read: (raw) =>
    ratio(raw, (count) => (/^\d+$/.test(count) ? Number(count) : null)) ?? new form.Refusal(),
}

export const byteBurst: form.Form<Burst> = {
  type: 'a burst such as 100MB/60m',
  read: (raw) => ratio(raw, bytes) ?? new form.Refusal(),
}

/** Null: no limit. A burst without a rate limits nothing. */
export function clientRate(perSecond: number | null, burst: Burst | null): ClientRate | null {
  if (perSecond === null) return null
  return { perSecond, burst: burst?.tokens ?? 0, burstPerSecond: burst?.perSecond ?? 0 }
}

function bytes(count: string): number | null {
  const size = form.bytesize().read(count)
  return size instanceof form.Refusal ? null : size
}

/** `10/500ms`: tokens, and how many of them a second. */
function ratio(raw: unknown, amount: (written: string) => number | null): Burst | null {
  const [count = '', ...per] = form.scalarText(raw)?.split('/') ?? []
  const tokens = amount(count)
  // The time is read as the plain rate reads it: how many seconds one of them takes.
  const each = per.length === 1 ? form.rate.read(`1/${per[0]}`) : null
  if (tokens === null || tokens <= 0 || typeof each !== 'number') return null
  return { tokens, perSecond: tokens * each }
}
