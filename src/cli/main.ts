#!/usr/bin/env node
/**
 * The command line. A mistake of the user is one message and exit code 1; only our own mistakes have a stack.
 * Commands are loaded when they are called: `check` needs no addon.
 */
import { Command, InvalidArgumentError, Option } from 'commander'
import { CausewayError } from '../errors.js'
import { managementLimits } from '../limits.js'
import { version } from '../version.js'
import { declareBench } from './bench/declaration.js'
import type { CtlOptions, CtlResult, Question } from './ctl-command.js'
import type { PasswdAlgorithm } from './passwd-command.js'

interface PasswdFlags {
  readonly user: string
  readonly algorithm: PasswdAlgorithm
  readonly superuser?: boolean
  readonly header?: boolean
}

interface CtlFlags {
  readonly config?: string
  readonly dataDir?: string
  readonly json?: boolean
}

interface ClientsFlags {
  readonly limit?: number
  readonly cursor?: string
  readonly json?: boolean
}

interface FileOptions {
  readonly config?: string
  readonly strict?: boolean
}

const program = new Command('causeway')
  .description('An MQTT broker that joins brokers in other regions by cluster linking.')
  .version(version, '-V, --version')
  .showHelpAfterError('(causeway --help shows what there is)')

program
  .command('start')
  .description('run a broker until SIGTERM or Ctrl-C')
  .option(
    '-c, --config <file>',
    'configuration file (HOCON); without it the defaults and EMQX_… variables',
  )
  .option('--strict', 'refuse configuration keys that have no effect')
  .action(async ({ config, strict }: FileOptions) => {
    const { startCommand } = await import('./start-command.js')
    await startCommand({ file: config ?? null, strict: strict ?? false, env: process.env })
  })

program
  .command('check')
  .description('read a configuration and say what is wrong with it')
  .requiredOption('-c, --config <file>', 'configuration file (HOCON)')
  .option('--strict', 'refuse configuration keys that have no effect')
  .action(async ({ config = '', strict }: FileOptions) => {
    const { checkConfig } = await import('./check-command.js')
    const { ok, output } = checkConfig(config, { strict: strict ?? false, env: process.env })
    const stream = ok ? process.stdout : process.stderr
    stream.write(`${output}\n`)
    if (!ok) process.exitCode = 1
  })

program
  .command('quickstart')
  .description('two linked brokers on this machine, and a message each way')
  .option('--once', 'stop after the proof; the exit code tells')
  .option(
    '--dir <folder>',
    'where configurations, logs and data stay; otherwise a temporary folder',
  )
  .action(async ({ once, dir }: { readonly once?: boolean; readonly dir?: string }) => {
    const { quickstartCommand } = await import('./quickstart-command.js')
    await quickstartCommand({ once: once ?? false, dir: dir ?? null, env: process.env })
  })

program
  .command('passwd')
  .description(
    'a line for the bootstrap file of an authenticator, from a password that is asked for',
  )
  .requiredOption('-u, --user <id>', 'user name, or client identifier')
  .addOption(
    new Option('-a, --algorithm <name>', 'how the password is stored')
      .choices(['scrypt', 'pbkdf2', 'sha256', 'sha512', 'scram-sha-256', 'scram-sha-512'])
      .default('scrypt'),
  )
  .option('--superuser', 'is_superuser = true')
  .option('--header', "the file's header before the line")
  .action(async ({ user, algorithm, superuser, header }: PasswdFlags) => {
    const { passwd } = await import('./passwd-command.js')
    const { lines, advice } = await passwd(
      { user, algorithm, superuser: superuser ?? false, header: header ?? false },
      { input: process.stdin, prompt: process.stderr },
    )
    process.stdout.write(lines)
    process.stderr.write(`# ${advice}\n`)
  })

const ctl = program
  .command('ctl')
  .description('ask a running broker, or tell it to read its configuration again')
  .option(
    '-c, --config <file>',
    "the broker's configuration file; without it the defaults and EMQX_… variables",
  )
  .option('--data-dir <folder>', "the broker's node.data_dir")
  .option('--json', 'the answer as JSON')

ctl
  .command('status')
  .description('who it is and what it carries')
  .action(() => askBroker({ command: 'status' }))
ctl
  .command('links')
  .description('the links in a table, or one of them in full')
  .argument('[name]', 'cluster.name of the far end')
  .option('--json', 'the answer as JSON')
  .action((name: string | undefined, { json }: { readonly json?: boolean }) =>
    askBroker(name === undefined ? { command: 'links' } : { command: 'links', name }, json),
  )
ctl
  .command('routes')
  .description('what a linked cluster wants of this one: filter, route id and actor of every route')
  .argument('<link>', 'cluster.name of the far end')
  .option('--json', 'as a JSON array')
  .action((link: string, { json }: { readonly json?: boolean }) => listRoutes(link, json))
ctl
  .command('clients')
  .description('who is connected and which sessions wait, or one client in full')
  .argument('[clientid]', 'of one client')
  .addOption(
    new Option(
      '--limit <n>',
      `one page of at most so many, 1 to ${managementLimits.clientsPerPage}`,
    ).argParser(pageLimit),
  )
  .option('--cursor <cursor>', 'go on behind the page that gave it')
  .option('--json', 'as a JSON array; with --limit an object with clients and next')
  .action((clientid: string | undefined, flags: ClientsFlags) => listClients(clientid, flags))
ctl
  .command('reload')
  .description('read the configuration again and say what that changed')
  .action(() => askBroker({ command: 'reload' }))

async function askBroker(request: Question, json = false): Promise<void> {
  const { ctl: ask } = await import('./ctl-command.js')
  const { exitCode, output } = await ask(request, ctlOptions(json))
  const stream = exitCode === 0 ? process.stdout : process.stderr
  stream.write(`${output}\n`)
  process.exitCode = exitCode
}

async function listRoutes(link: string, json = false): Promise<void> {
  const { ctlRoutes } = await import('./ctl-routes.js')
  endWith(await ctlRoutes(link, ctlOptions(json), standardOutput()))
}

async function listClients(clientid: string | undefined, flags: ClientsFlags): Promise<void> {
  const { cursor = null, json = false, limit = null } = flags
  if (clientid !== undefined) {
    if (cursor !== null || limit !== null)
      ctl.error('error: --limit and --cursor belong to a listing, not to one client')
    await askBroker({ command: 'client', clientid }, json)
    return
  }
  const { ctlClients } = await import('./ctl-clients.js')
  endWith(await ctlClients({ limit, cursor }, ctlOptions(json), standardOutput()))
}

/** Each write waits for whoever reads; false: nobody does any more, as with `… | head`. */
function standardOutput(): (text: string) => Promise<boolean> {
  process.stdout.on('error', () => {}) // EPIPE; the write tells
  return (text) =>
    new Promise((resolve) => {
      process.stdout.write(text, (error) => resolve(error === null || error === undefined))
    })
}

function endWith({ exitCode, output }: CtlResult): void {
  if (output !== '') process.stderr.write(`${output}\n`)
  process.exitCode = exitCode
}

function pageLimit(written: string): number {
  const value = /^\d{1,9}$/.test(written) ? Number(written) : 0
  if (value >= 1 && value <= managementLimits.clientsPerPage) return value
  throw new InvalidArgumentError(
    `A whole number from 1 to ${managementLimits.clientsPerPage} is expected.`,
  )
}

function ctlOptions(json: boolean): CtlOptions {
  const flags = ctl.opts<CtlFlags>()
  return {
    file: flags.config ?? null,
    dataDir: flags.dataDir ?? null,
    json: json || flags.json === true,
    env: process.env,
  }
}

declareBench(program)

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof CausewayError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
}
