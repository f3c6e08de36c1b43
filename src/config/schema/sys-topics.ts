/** `sys_topics.*`: EMQX's names and defaults, and one of our own. */

import type { z } from 'zod'
import type { SysTopicsConfig } from '../config.js'
import * as form from './form.js'
import { key, section } from './key.js'

const interval = form.orWord(form.duration({ min: 100 }), 'disabled')

export const sysTopicsSchema = section({
  sys_msg_interval: key(
    interval,
    '1m',
    'Period of version, sysdescr, brokers, stats and metrics under `$SYS/brokers`.',
  ),
  sys_heartbeat_interval: key(interval, '30s', 'Period of uptime and datetime.'),
  sys_event_messages: section({
    client_connected: key(form.boolean, true, 'Tell of clients that connected.'),
    client_disconnected: key(form.boolean, true, 'Tell of clients that disconnected.'),
    client_subscribed: key(form.boolean, false, 'Tell of subscriptions.'),
    client_unsubscribed: key(form.boolean, false, 'Tell of subscriptions that ended.'),
  }),
  subscribers: key(
    form.oneOf('loopback', 'all', 'none'),
    'loopback',
    'Who may subscribe under `$SYS/`: clients on this machine, everybody, nobody. Not in EMQX, whose ACL file says the first by default.',
  ),
})

export function toSysTopics(sys: z.output<typeof sysTopicsSchema>): SysTopicsConfig {
  const { sys_event_messages: events } = sys
  return {
    sysMsgIntervalMs: sys.sys_msg_interval,
    sysHeartbeatIntervalMs: sys.sys_heartbeat_interval,
    events: {
      clientConnected: events.client_connected,
      clientDisconnected: events.client_disconnected,
      clientSubscribed: events.client_subscribed,
      clientUnsubscribed: events.client_unsubscribed,
    },
    subscribers: sys.subscribers,
  }
}
