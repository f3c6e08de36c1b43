/**
 * The mountpoint of one client: the listener's, its placeholders filled in. Source: EMQX's emqx_mountpoint; a
 * placeholder without a value stays as it is written.
 */
export interface MountOrigin {
  readonly mountpoint: string
  readonly zone: string
}

/** Null: a wildcard of the client would widen what it may see to the topics of others. */
export function mountpointOf(
  { mountpoint, zone }: MountOrigin,
  clientId: string,
  username: string | null,
): string | null {
  if (mountpoint === '') return ''
  const values: Readonly<Record<string, string | null>> = { clientid: clientId, username, zone }
  const filled = mountpoint.replaceAll(
    /\$\{(clientid|username|zone)\}/g,
    (written, name: string) => values[name] ?? written,
  )
  return /[+#\0]/.test(filled) ? null : filled
}
