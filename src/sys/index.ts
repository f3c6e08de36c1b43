/**
 * Sys: what the broker says about itself under `$SYS/brokers/…`, with EMQX's names: version and uptime, statistics, metrics,
 * and who came and went. Published like any message, but by nobody else, and it crosses no link.
 * Plane: control. Thread: main. Owns: the two timers of `sys_topics`, the highest values seen.
 * May import: limits, clock, config (types), native (types), mqtt, session (types), connection (types). Imported by: broker.
 * Read next: sys-topics.ts (when), events.ts (clients), figures.ts (EMQX's names for our metrics), docs/protocol/dollar-topics.md.
 */
export { metricTopics, statisticTopics } from './figures.js'
export { type SysClient, SysTopics, type SysTopicsOptions } from './sys-topics.js'
