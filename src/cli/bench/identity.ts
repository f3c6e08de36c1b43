/** A certificate for the brokers of one run. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadRoom } from '../../native/index.js'
import { benchFailed } from './failure.js'

/** Paths of a certificate and its key, made for this run. @throws CausewayError BENCH_FAILED */
export function identityIn(folder: string): { readonly certificate: string; readonly key: string } {
  const paths = { certificate: join(folder, 'bench.crt'), key: join(folder, 'bench.key') }
  if (existsSync(paths.key)) return paths
  const made = loadRoom.selfSigned()
  if (made === null) throw benchFailed('a certificate for TLS could not be made')
  writeFileSync(paths.certificate, made.certificate)
  writeFileSync(paths.key, made.key, { mode: 0o600 })
  return paths
}
