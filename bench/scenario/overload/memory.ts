/** Memory of a process as the kernel counts it. Linux only, as the broker. */
import { readFileSync, writeFileSync } from 'node:fs'

export function residentMiB(pid: number): number {
  return field(pid, 'VmRSS')
}

/** The highest since the process began, or since `restartPeak`. */
export function peakMiB(pid: number): number {
  return field(pid, 'VmHWM')
}

export function restartPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

function field(pid: number, name: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024
}
