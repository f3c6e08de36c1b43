/** TLS options of listeners (`ssl_options`) and of links (`ssl`), with EMQX's names and defaults. */

import type { z } from 'zod'
import { configLimits } from '../../limits.js'
import type { TlsClientConfig, TlsCommon, TlsServerConfig } from '../config.js'
import * as form from './form.js'
import { entries, entry, ignored, key, required, section, unset } from './key.js'

const version = form.oneOf('tlsv1.3', 'tlsv1.2', 'tlsv1.1', 'tlsv1')

const identity = {
  certfile: unset(form.text, 'Our certificate with its chain; path or PEM text.'),
  keyfile: unset(form.text, 'Its private key; path or PEM text.'),
  password: unset(form.text, 'Password of the private key; `file://` and a path: read from there.'),
}

const common = {
  cacertfile: unset(
    form.text,
    'Certificates of the authorities that are trusted; path or PEM text.',
  ),
  ...identity,
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
    'Cipher suites, most wanted first, OpenSSL or IANA names; empty: all that are considered safe. A version without a suite in the list is not offered.',
  ),
  secure_renegotiate: ignored('renegotiation is never insecure'),
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
  reuse_sessions: ignored('links stay connected'),
  middlebox_comp_mode: ignored('the TLS library decides'),
})

const hostName = /^(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?$/

/** As a client asks for it: no port, no address. */
const sniName: form.Form<string> = {
  type: 'a host name, with *. in front for any one label',
  read: (raw) => {
    const name = form.scalarText(raw)
    return name !== null && hostName.test(name) ? name : new form.Refusal()
  },
}

const sniHost = entry({
  hosts: required(form.listOf(sniName, 256), 'Names that the client may ask for.'),
  ...identity,
})

export const tlsServerSchema = section({
  ...common,
  fail_if_no_peer_cert: key(
    form.boolean,
    false,
    'With `verify_peer`: refuse clients that show no certificate.',
  ),
  handshake_timeout: key(form.duration({ min: 1 }), '15s', 'Time for the TLS handshake.'),
  honor_cipher_order: key(
    form.boolean,
    true,
    'Our order of ciphers decides, not that of the client.',
  ),
  reuse_sessions: key(
    form.boolean,
    true,
    'Whether clients may resume a TLS session; resumed ones shake hands without a signature.',
  ),
  enable_crl_check: unset(
    form.boolean,
    'Refuse client certificates that a list in `crlfile` revokes, or that no list covers; unset: when `crlfile` is set.',
  ),
  crlfile: unset(
    form.text,
    'Revocation lists, one for each authority in the chain; path or PEM text. Not in EMQX, which downloads them.',
  ),
  sni_hosts: entries(sniHost, configLimits.sniHosts),
  client_renegotiation: ignored('clients may not renegotiate'),
  dhfile: ignored('elliptic curves are used'),
  gc_after_handshake: ignored('there is nothing to collect'),
  ocsp: ignored('not supported yet'),
  bytes_rate: ignored('rates are not limited yet'),
})

/** @param path of the section, for messages */
export function toTlsClient(ssl: z.output<typeof tlsClientSchema>, path: string): TlsClientConfig {
  const name = ssl.server_name_indication
  return { ...toCommon(ssl, path), serverName: name === 'disable' ? false : name }
}

/** @param path of the section, for messages */
export function toTlsServer(ssl: z.output<typeof tlsServerSchema>, path: string): TlsServerConfig {
  return {
    ...toCommon(ssl, path),
    failIfNoPeerCert: ssl.fail_if_no_peer_cert,
    handshakeTimeoutMs: ssl.handshake_timeout,
    crlFile: ssl.crlfile,
    checkCrl: ssl.enable_crl_check ?? ssl.crlfile !== null,
    honorCipherOrder: ssl.honor_cipher_order,
    reuseSessions: ssl.reuse_sessions,
    sniHosts: ssl.sni_hosts.map(({ hosts, certfile, keyfile, password }) => ({
      hosts,
      certFile: certfile,
      keyFile: keyfile,
      keyPassword: password,
    })),
  }
}

type Common = Pick<z.output<typeof tlsServerSchema>, keyof typeof common>

function toCommon(ssl: Common, path: string): TlsCommon {
  return {
    path,
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
