import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { CausewayError } from '../../../src/errors.js'
import { DataDirLock } from '../../../src/listener/index.js'

function inDirectory(run: (directory: string) => void): void {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-lock-'))
  try {
    run(directory)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function isError(code: string) {
  return (error: unknown) =>
    error instanceof CausewayError &&
    error.code === code &&
    error.message.startsWith('node.data_dir: ')
}

test('a data directory belongs to one broker at a time', () => {
  inDirectory((directory) => {
    const data = join(directory, 'new', 'data')
    const lock = DataDirLock.take(data)
    assert.throws(() => DataDirLock.take(data), isError('DATA_DIR_LOCKED'))
    lock.release()
    DataDirLock.take(data).release()
    assert.equal(existsSync(join(data, 'causeway.lock')), false)
  })
})

test('a lock left behind by a dead process is taken over', () => {
  inDirectory((directory) => {
    const { pid } = spawnSync(process.execPath, ['-e', ''])
    writeFileSync(join(directory, 'causeway.lock'), `${pid} 1\n`)
    const lock = DataDirLock.take(directory)
    assert.match(
      readFileSync(join(directory, 'causeway.lock'), 'utf8'),
      new RegExp(`^${process.pid} `),
    )
    lock.release()
  })
})

test('a lock whose process number now belongs to another process is taken over', {
  skip: process.platform !== 'linux' && 'needs /proc',
}, () => {
  inDirectory((directory) => {
    writeFileSync(join(directory, 'causeway.lock'), `${process.ppid} 1\n`)
    DataDirLock.take(directory).release()
  })
})

test('a lock that somebody else has taken meanwhile is left alone', () => {
  inDirectory((directory) => {
    const lock = DataDirLock.take(directory)
    writeFileSync(join(directory, 'causeway.lock'), '1 1\n')
    lock.release()
    assert.equal(readFileSync(join(directory, 'causeway.lock'), 'utf8'), '1 1\n')
  })
})

test('a directory that the file system refuses to hold is refused, not tried for ever', {
  skip: process.platform !== 'linux' && 'needs /proc',
}, () => {
  assert.throws(() => DataDirLock.take('/proc/causeway/data'), isError('DATA_DIR_UNUSABLE'))
})

test('a path that cannot be a directory is refused with a message that names the key', () => {
  inDirectory((directory) => {
    const file = join(directory, 'file')
    writeFileSync(file, '')
    assert.throws(() => DataDirLock.take(file), isError('DATA_DIR_UNUSABLE'))
  })
})
