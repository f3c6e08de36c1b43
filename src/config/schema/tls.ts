/** TLS options of listeners (`ssl_options`) and of links (`ssl`), with EMQX's names and defaults. */

import type { z } from 'zod'
import type { TlsClientConfig, TlsCommon, TlsServerConfig } from '../config.js'
import * as form from './form.js'
import { ignored, key, section, unset } from './key.js'

const version = form.oneOf('tlsv1.3', 'tlsv1.2', 'tlsv1.1', 'tlsv1')

const common = {
  cacertfile: unset(
    form.text,
    'Certificates of the authorities that are trusted; path or PEM text.',
  ),
  certfile: unset(form.text, 'Our certificate with its chain; path or PEM text.'),
  keyfile: unset(form.text, 'Its private key; path or PEM text.'),
  password: unset(form.text, 'Password of the private key.'),
  verify: key(
    form.oneOf('verify_none', 'verify_peer'),
    'verify_none',
    'Whether the other side must show a trusted certificate.',
  ),
  depth: key(form.integer(0, 255), 10, 'Longest chain of intermediate certificates.'),
  versions: key(form.listOf(version, 4), ['tlsv1.3', 'tlsv1.2'], 'TLS versions offered.'),
  ciphers: key(
    form.listOf(form.text, 256),
    [],
    'Cipher suites, most wanted first; empty: all that are considered safe.',
  ),
  secure_renegotiate: ignored('renegotiation is never insecure'),
  reuse_sessions: ignored('the TLS library decides'),
  log_level: ignored('log.console.level decides'),
  hibernate_after: ignored('connections do not hibernate'),
  partial_chain: ignored('not supported yet'),
  verify_peer_ext_key_usage: ignored('not supported yet'),
  managed_certs: ignored('not supported yet'),
  user_lookup_fun: ignored('PSK is not supported'),
  cacerts: ignored('deprecated'),
}

export const tlsClientSchema = section({
  enable: key(
    form.boolean,
    false,
    'Whether the link uses TLS; `mqtts://` in `server` does the same.',
  ),
  ...common,
  server_name_indication: unset(
    form.text,
    'Name to ask for and to verify, instead of the host in `server`; `disable`: none.',
  ),
  middlebox_comp_mode: ignored('the TLS library decides'),
})

export const tlsServerSchema = section({
  ...common,
  fail_if_no_peer_cert: key(
    form.boolean,
    false,
    'With `verify_peer`: refuse clients that show no certificate.',
  ),
  handshake_timeout: key(form.duration({ min: 1 }), '15s', 'Time for the TLS handshake.'),
  honor_cipher_order: ignored('the order of the server is always used'),
  client_renegotiation: ignored('clients may not renegotiate'),
  dhfile: ignored('elliptic curves are used'),
  gc_after_handshake: ignored('there is nothing to collect'),
  ocsp: ignored('not supported yet'),
  enable_crl_check: ignored('not supported yet'),
  bytes_rate: ignored('rates are not limited yet'),
})

export function toTlsClient(ssl: z.output<typeof tlsClientSchema>): TlsClientConfig {
  const name = ssl.server_name_indication
  return { ...toCommon(ssl), serverName: name === 'disable' ? false : name }
}

export function toTlsServer(ssl: z.output<typeof tlsServerSchema>): TlsServerConfig {
  return {
    ...toCommon(ssl),
    failIfNoPeerCert: ssl.fail_if_no_peer_cert,
    handshakeTimeoutMs: ssl.handshake_timeout,
  }
}

type Common = Pick<z.output<typeof tlsServerSchema>, keyof typeof common>

function toCommon(ssl: Common): TlsCommon {
  return {
    caCertFile: ssl.cacertfile,
    certFile: ssl.certfile,
    keyFile: ssl.keyfile,
    keyPassword: ssl.password,
    verifyPeer: ssl.verify === 'verify_peer',
    depth: ssl.depth,
    versions: ssl.versions,
    ciphers: ssl.ciphers,
  }
}
