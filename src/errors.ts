/**
 * Errors: one base class, one table of stable codes.
 *
 * A code is part of the interface: it appears in logs, in the API and in `docs/operating/errors.md`,
 * which a house test keeps equal to the table below. Codes are never renamed or reused.
 */

/**
 * Code → what happened and what to do, one sentence or two, as shown in the documentation.
 * Sorted by area; add a row here and in `docs/operating/errors.md`.
 */
export const errorCodes = {
  CONFIG_SYNTAX:
    'The configuration is not valid HOCON. The message gives file, line and column, and shows the line.',
  CONFIG_INVALID:
    'The configuration has an unknown key, a value of the wrong type or range, or values that contradict each other.',
  CONFIG_FILE_NOT_FOUND:
    'The configuration file, or a file it includes as required, does not exist or cannot be read.',
  CONFIG_LIMIT_EXCEEDED:
    'The configuration is larger, deeper or more often included than a configuration may be.',
  AUTH_BOOTSTRAP_INVALID:
    'The `bootstrap_file` of an authenticator cannot be read or holds a user that is not complete. The message gives file and line.',
  API_KEYS_INVALID:
    '`api_key.bootstrap_file` cannot be read or holds a line that is no API key. The message gives file and line.',
  LISTENER_PORT_IN_USE:
    'Another process, perhaps another Causeway, already listens on the address of a listener. Change its `bind` or stop the other process.',
  LISTENER_BIND_FAILED:
    'The address of a listener cannot be bound: it is not an address of this machine, or the port needs more rights.',
  TLS_UNUSABLE:
    'A certificate, key, password, authority or revocation list of a listener or a link is missing, cannot be read, or does not fit the others. The message names the key, where it was written, the file and the reason.',
  DATA_DIR_LOCKED:
    'Another running Causeway uses the same `node.data_dir`. Give each its own directory.',
  DATA_DIR_UNUSABLE: '`node.data_dir` cannot be created, read or written.',
  NATIVE_ADDON_MISSING:
    'The native addon was not found or could not be loaded. Run `npm run build`, which needs python3, make and g++.',
  NATIVE_ABI_MISMATCH:
    'The native addon was built from other sources than the JavaScript that loads it. Run `npm run build` again.',
  ENGINE_STOPPED: 'The engine was asked to do something after it had been stopped.',
  ENGINE_STARTED: 'This process has an engine already. One process runs one broker.',
  LINK_SELF_CONNECTED:
    'A link reached this very broker: its `server` holds our own address, where the address of the remote cluster belongs.',
  LINK_REJECTED:
    'The remote cluster refused the link: it has no enabled link with our cluster name, or speaks another version of the protocol.',
  LINK_UNREACHABLE:
    'The server of a link does not answer, or does not answer as an MQTT broker. The link retries with back-off.',
  LINK_UNKNOWN:
    '`causeway ctl links NAME` or `routes NAME` named a link that the broker does not have. The message lists those it has.',
  CLIENT_UNKNOWN:
    '`causeway ctl clients CLIENTID` named a client that is neither connected nor remembered.',
  CTL_NO_BROKER:
    'No broker answers at the control socket of this data directory: none runs, or it runs with another `node.data_dir`.',
  CTL_NOT_PERMITTED:
    'The control socket belongs to another user. Run `causeway ctl` as the user of the broker.',
  CTL_BUSY:
    'As many questions are being answered at the control socket as may be at once. Ask again.',
  CTL_REQUEST_INVALID:
    'What came through the control socket is no request that this broker knows; perhaps `causeway ctl` is of another version.',
  CTL_CURSOR_INVALID:
    'The cursor of a listing is none that the broker has given since its start. Begin again without one.',
  PASSWD_REFUSED:
    '`causeway passwd` could not make a line: the password is empty, differs from its repetition, or may not be used.',
  TASK_QUEUE_FULL:
    'More background jobs are waiting than the task threads may queue. Try again later, or raise `workers.tasks`.',
  TASKS_STOPPED: 'A background job was asked for after the task threads had been stopped.',
  BENCH_FAILED:
    'A benchmark could not be run: the target cannot be reached or refuses, or the workload is larger than this machine allows. The message says which; there are no figures.',
  QUICKSTART_FAILED:
    'The quick start could not show a message crossing between its two brokers. The message says which step failed and why.',
} as const satisfies Record<string, string>

export type ErrorCode = keyof typeof errorCodes

/** Facts of one failure for logs and the API: plain values, no secrets. */
export type ErrorDetail = Readonly<Record<string, string | number | boolean | null>>

export interface CausewayErrorOptions {
  readonly detail?: ErrorDetail
  readonly cause?: unknown
}

/** Every failure that a person may read. The message is complete by itself; no stack is needed. */
export class CausewayError extends Error {
  override readonly name: string = 'CausewayError'
  readonly code: ErrorCode
  readonly detail: ErrorDetail

  constructor(code: ErrorCode, message: string, options: CausewayErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.detail = options.detail ?? {}
  }
}

/** Ends an exhaustive switch: compiles only when every variant has been handled. */
export function assertNever(value: never): never {
  throw new TypeError(`unhandled variant: ${JSON.stringify(value)}`)
}
