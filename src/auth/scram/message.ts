/**
 * The messages of SCRAM as text: strict, every deviation is one of the errors that RFC 5802 §7 names. Attributes stand in the
 * order of the grammar; optional extensions at the end are skipped, mandatory ones (`m=`) refused.
 */

/** `server-error-value`, as it is sent behind `e=`. */
export type ScramError =
  | 'invalid-encoding'
  | 'extensions-not-supported'
  | 'invalid-proof'
  | 'channel-bindings-dont-match'
  | 'channel-binding-not-supported'
  | 'invalid-username-encoding'
  | 'other-error'

export class ScramFault extends Error {
  override readonly name = 'ScramFault'
  readonly error: ScramError
  constructor(error: ScramError) {
    super(error)
    this.error = error
  }
}

export interface ClientFirst {
  /** `n,,` or `y,a=…,`: sent again, in base64, behind `c=` of the final message. */
  readonly gs2Header: string
  readonly authorizationId: string | null
  readonly username: string
  readonly nonce: string
  /** The message without the GS2 header, as it enters the proof. */
  readonly bare: string
}

export interface ClientFinal {
  /** Decoded from base64. */
  readonly channelBinding: Buffer
  readonly nonce: string
  readonly proof: Buffer
  /** The message without its proof, as it enters the proof. */
  readonly withoutProof: string
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
/** `printable`: visible ASCII but the comma. */
const noncePattern = /^[\x21-\x2b\x2d-\x7e]+$/
const base64Pattern = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** @throws ScramFault */
export function parseClientFirst(bytes: Uint8Array): ClientFirst {
  const text = decoded(bytes)
  const flag = text.slice(0, text.indexOf(',') + 1)
  if (/^p=[A-Za-z0-9.-]+,$/.test(flag)) throw new ScramFault('channel-binding-not-supported')
  if (flag !== 'n,' && flag !== 'y,') throw new ScramFault('other-error')
  const bareAt = text.indexOf(',', flag.length) + 1
  if (bareAt === 0) throw new ScramFault('other-error')
  const authzid = text.slice(flag.length, bareAt - 1)
  if (authzid !== '' && !authzid.startsWith('a=')) throw new ScramFault('other-error')
  const bare = text.slice(bareAt)
  const [username = '', nonce = '', ...extensions] = bare.split(',')
  if (username.startsWith('m=')) throw new ScramFault('extensions-not-supported')
  if (!username.startsWith('n=') || !nonce.startsWith('r=')) throw new ScramFault('other-error')
  checkExtensions(extensions)
  return {
    gs2Header: text.slice(0, bareAt),
    authorizationId: authzid === '' ? null : saslName(authzid.slice(2)),
    username: saslName(username.slice(2)),
    nonce: checkedNonce(nonce.slice(2)),
    bare,
  }
}

/** @throws ScramFault */
export function parseClientFinal(bytes: Uint8Array): ClientFinal {
  const text = decoded(bytes)
  const proofAt = text.lastIndexOf(',p=')
  if (proofAt < 0) throw new ScramFault('other-error')
  const withoutProof = text.slice(0, proofAt)
  const [binding = '', nonce = '', ...extensions] = withoutProof.split(',')
  if (!binding.startsWith('c=') || !nonce.startsWith('r=')) throw new ScramFault('other-error')
  checkExtensions(extensions)
  return {
    channelBinding: fromBase64(binding.slice(2)),
    nonce: checkedNonce(nonce.slice(2)),
    proof: fromBase64(text.slice(proofAt + 3)),
    withoutProof,
  }
}

export function serverFirst(nonce: string, salt: Uint8Array, iterations: number): string {
  return `r=${nonce},s=${Buffer.from(salt).toString('base64')},i=${iterations}`
}

function decoded(bytes: Uint8Array): string {
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch {
    throw new ScramFault('invalid-encoding')
  }
  if (text.includes('\0')) throw new ScramFault('invalid-encoding')
  return text
}

/** `saslname`: a comma is written =2C, an equals sign =3D, and no other = may stand. */
function saslName(text: string): string {
  if (text === '' || /=(?!2C|3D)/.test(text)) throw new ScramFault('invalid-username-encoding')
  return text.replaceAll('=2C', ',').replaceAll('=3D', '=')
}

function checkedNonce(nonce: string): string {
  if (!noncePattern.test(nonce)) throw new ScramFault('other-error')
  return nonce
}

/** `attr-val`: a letter, =, something. */
function checkExtensions(extensions: readonly string[]): void {
  for (const extension of extensions) {
    if (extension.startsWith('m=')) throw new ScramFault('extensions-not-supported')
    if (!/^[A-Za-z]=./s.test(extension)) throw new ScramFault('other-error')
  }
}

function fromBase64(text: string): Buffer {
  if (text === '' || !base64Pattern.test(text)) throw new ScramFault('invalid-encoding')
  return Buffer.from(text, 'base64')
}
