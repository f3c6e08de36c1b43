/**
 * Keeps the house: the rules of CONTRIBUTING.md that a machine can check.
 *
 * Each rule is run twice: on the checkout, where it must find nothing, and on a small planted mistake, where
 * it must find exactly that; a rule that cannot fail is no rule.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { errorCodes } from '../src/errors.js'
import {
  decisions,
  errorCodesDocumented,
  linksLead,
  namedMembersExist,
  namedPathsExist,
} from './house/documents.js'
import { eventsDocumented } from './house/events.js'
import { doors, imports, includes, nativeDoor } from './house/rooms.js'
import {
  noLeftovers,
  noMachinePaths,
  nothingSilenced,
  sizes,
  testsDoNotHide,
  topLevelIsFixed,
  unitTestsDoNotWait,
} from './house/sources.js'
import { packageRoot, readTree, type Tree, topLevelEntries } from './house/tree.js'

const root = packageRoot()
const tree = readTree(root)

interface Rule {
  readonly title: string
  readonly find: (tree: Tree) => string[]
  /** Sets of files, each with one mistake in it. */
  readonly planted: readonly Readonly<Record<string, string>>[]
}

const rules: readonly Rule[] = [
  {
    title: 'every room has a door that says what it is',
    find: doors,
    planted: [{ 'src/link/index.ts': '/**\n * Link.\n */\nexport {}\n' }],
  },
  {
    title: 'imports flow one way, and through doors',
    find: imports,
    planted: [
      { 'src/mqtt/decode.ts': "import { x } from '../link/index.js'\n" },
      { 'src/link/room.ts': "import type { x } from '../mqtt/decode.js'\n" },
      { 'src/edge/pump.ts': "import type { x } from '../management/api/app.js'\n" },
      { 'src/management/api/app.ts': "import { x } from '../reports.js'\n" },
    ],
  },
  {
    title: 'only src/native loads the addon',
    find: nativeDoor,
    planted: [{ 'src/tasks/worker.ts': "require('../../build/Release/causeway.node')\n" }],
  },
  {
    title: 'includes flow one way; only the seam has heard of Node, only transport of libuv',
    find: includes,
    planted: [
      { 'native/core/a.h': '#include "mqtt/b.h"\n', 'native/mqtt/b.h': '' },
      { 'native/session/a.cc': '#include <napi.h>\n' },
      { 'native/session/a.cc': '#include <uv.h>\n' },
      { 'native/loadgen/a.cc': '#include "router/b.h"\n', 'native/router/b.h': '' },
    ],
  },
  {
    title: 'no file is longer than a reader can hold',
    find: sizes,
    planted: [{ 'src/link/long.ts': '\n'.repeat(600) }],
  },
  {
    title: 'nothing unfinished is on main',
    find: noLeftovers,
    planted: [{ 'native/core/a.cc': `// ${'TO' + 'DO'}: later\n` }],
  },
  {
    title: 'no tool is silenced',
    find: nothingSilenced,
    planted: [{ 'src/link/a.ts': `// ${'@ts-' + 'ignore'}\n` }],
  },
  {
    title: 'no path or host of one machine is in the tree',
    find: noMachinePaths,
    planted: [{ 'README.md': `see ${'/ho' + 'me'}/someone/causeway\n` }],
  },
  {
    title: 'no test hides the others',
    find: testsDoNotHide,
    planted: [{ 'test/unit/link/a.test.ts': `${'test.on' + 'ly'}('x', () => {})\n` }],
  },
  {
    title: 'unit tests move the clock instead of waiting for it',
    find: unitTestsDoNotWait,
    planted: [
      { 'test/unit/link/a.test.ts': "import { setTimeout } from 'node:timers/promises'\n" },
    ],
  },
  {
    title: 'links in documents lead somewhere',
    find: linksLead,
    planted: [{ 'README.md': 'see [b](b.md)\n' }],
  },
  {
    title: 'members of classes that documents name exist',
    find: namedMembersExist,
    planted: [
      {
        'ARCHITECTURE.md': 'first `Shard::Publish`, then `Shard::Unpublish`',
        'native/fanout/shard.h': 'class Shard { void Publish(); };',
      },
    ],
  },
  {
    title: 'every event of the log is documented, and no other',
    find: eventsDocumented,
    planted: [
      { 'src/main.ts': "log.info({ event: 'ready' }, 'ready')\n" },
      { 'src/link/a.ts': "this.#complain(\n  'cluster_link_odd',\n)\n" },
      { 'docs/operating/events.md': '| `ready` | info | now |\n' },
    ],
  },
]

describe('the checkout', () => {
  for (const rule of rules) {
    test(rule.title, () => assertClean(rule.find(tree)))
  }
  test('what documents and comments point to exists', () => assertClean(namedPathsExist(tree)))
  test('every decision is complete and indexed', () => assertClean(decisions(tree)))
  test('every error code is documented word for word', () => {
    assertClean(errorCodesDocumented(tree, errorCodes))
  })
  test('the top level holds only what belongs there', () => {
    assertClean(topLevelIsFixed(topLevelEntries(root)))
  })
})

describe('a planted mistake is found', () => {
  for (const rule of rules) {
    test(rule.title, () => {
      for (const files of rule.planted) assertOne(rule.find(new Map(Object.entries(files))))
    })
  }
  test('what documents and comments point to exists', () => {
    const complete = { 'ARCHITECTURE.md': '', 'README.md': '', 'CONTRIBUTING.md': '' }
    const find = (files: Record<string, string>) => namedPathsExist(new Map(Object.entries(files)))
    assert.deepEqual(find(complete), [])
    assertOne(find({ ...complete, 'README.md': 'in `src/nowhere/`' }))
    assertOne(find({ ...complete, 'src/a.ts': `// ${'docs/' + 'nowhere.md'}` }))
    assertOne(find({ ...complete, 'src/a.ts': '// nowhere.md §5' }))
  })
  test('every decision is complete and indexed', () => {
    const record = readRecord('0001')
    const index = tree.get('docs/decisions/README.md') ?? ''
    const find = (text: string, indexText: string) =>
      decisions(
        new Map([
          [record.path, text],
          ['docs/decisions/README.md', indexText],
        ]),
      )
    assert.deepEqual(find(record.text, index), [])
    assertOne(find(record.text.replace('\n## Reopen when\n', '\n## Later\n'), index))
    assertOne(find(record.text, ''))
  })
  test('every error code is documented word for word', () => {
    assertOne(errorCodesDocumented(tree, { ...errorCodes, NEW_CODE: 'Something new.' }))
    const { TASKS_STOPPED: _, ...fewer } = errorCodes
    assertOne(errorCodesDocumented(tree, fewer))
  })
  test('the top level holds only what belongs there', () => {
    assertOne(topLevelIsFixed([...topLevelEntries(root), 'scratch']))
  })
})

function assertClean(problems: readonly string[]): void {
  assert.equal(problems.length, 0, `\n${problems.join('\n')}`)
}

function assertOne(problems: readonly string[]): void {
  assert.equal(problems.length, 1, `expected one finding, got:\n${problems.join('\n')}`)
}

function readRecord(number: string): { path: string; text: string } {
  for (const [path, text] of tree) {
    if (path.startsWith(`docs/decisions/${number}-`)) return { path, text }
  }
  throw new Error(`no decision ${number}`)
}
