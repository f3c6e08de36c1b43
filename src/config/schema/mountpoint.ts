/** `mountpoint` of a listener: a prefix of topics with placeholders; src/connection/mountpoint.ts fills them in. */
import { type Form, Refusal, show, text } from './form.js'

const known: readonly string[] = ['clientid', 'username', 'zone'].map((name) => `\${${name}}`)

export const mountpoint: Form<string> = {
  type: `a prefix of topics, which may hold ${known.join(', ')}`,
  read: (raw) => {
    const written = text.read(raw)
    if (written instanceof Refusal) return written
    // No topic name may hold them: nobody could publish [MQTT-4.7.1-1], [MQTT-4.7.3-2].
    if (/[+#\0]/.test(written)) {
      return new Refusal(`a mountpoint holds no wildcard and no NUL, got ${show(written)}`)
    }
    const placeholders = written.match(/\$\{[^}]*\}?/g) ?? []
    const unknown = placeholders.find((placeholder) => !known.includes(placeholder))
    if (unknown === undefined) return written
    return new Refusal(`a mountpoint may hold ${known.join(', ')}, got ${show(unknown)}`)
  },
}
