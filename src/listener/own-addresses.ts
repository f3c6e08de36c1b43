/** Whether an address leads to one of our own listeners: a link there would meet ourselves. */
import { networkInterfaces } from 'node:os'
import type { ListenerConfig } from '../config/index.js'

/** @param host IP literal */
export function isOwnAddress(
  listeners: readonly ListenerConfig[],
  host: string,
  port: number,
): boolean {
  return listeners.some(
    (listener) =>
      listener.enable &&
      (listener.kind === 'tcp' || listener.kind === 'ssl') &&
      listener.port === port &&
      (anywhere.has(listener.host) ? isOfThisMachine(host) : listener.host === host),
  )
}

const anywhere: ReadonlySet<string> = new Set(['', '0.0.0.0', '::'])

function isOfThisMachine(host: string): boolean {
  return (
    host.startsWith('127.') ||
    Object.values(networkInterfaces()).some((addresses) =>
      addresses?.some(({ address }) => address === host),
    )
  )
}
