/** One element of `access_rules`, as EMQX writes them; native/transport/access_rule.h applies it. */
import { isIP } from 'node:net'
import { type Form, Refusal, scalarText } from './form.js'

export const accessRule: Form<string> = {
  type: '"allow all", "deny 10.0.0.0/8" or the like',
  read: (raw) => {
    const [verdict, network = '', ...more] = (scalarText(raw) ?? '').trim().split(/\s+/)
    if ((verdict !== 'allow' && verdict !== 'deny') || more.length > 0) return new Refusal()
    return network === 'all' || isNetwork(network) ? `${verdict} ${network}` : new Refusal()
  },
}

/** An address, or one with the length of its prefix. */
function isNetwork(written: string): boolean {
  const [address = '', bits, ...more] = written.split('/')
  const family = isIP(address)
  if (family === 0 || address.includes('%') || more.length > 0) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
}
