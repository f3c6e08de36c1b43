/** Configuration files for one test, in a directory that is removed afterwards. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { type Environment, type LoadedConfig, loadConfig } from '../../../src/config/index.js'
import { CausewayError } from '../../../src/errors.js'

/** Writes the files and returns the directory. */
export function files(
  t: TestContext,
  contents: Readonly<Record<string, string | Uint8Array>>,
): string {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-config-'))
  t.after(() => rmSync(directory, { recursive: true }))
  for (const [name, content] of Object.entries(contents)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true })
    writeFileSync(join(directory, name), content)
  }
  return directory
}

export function load(
  t: TestContext,
  text: string,
  env: Environment = {},
  strict = false,
): LoadedConfig {
  return loadConfig({ file: join(files(t, { 'c.conf': text }), 'c.conf'), env, strict })
}

/** The error of loading `text` as `c.conf`; its message without the directory. */
export function refused(
  t: TestContext,
  text: string,
  env: Environment = {},
  strict = false,
): CausewayError {
  const directory = files(t, { 'c.conf': text })
  try {
    loadConfig({ file: join(directory, 'c.conf'), env, strict })
  } catch (error) {
    if (!(error instanceof CausewayError)) throw error
    return new CausewayError(error.code, error.message.replaceAll(`${directory}/`, ''), {
      detail: error.detail,
    })
  }
  throw new Error(`was not refused: ${text}`)
}
