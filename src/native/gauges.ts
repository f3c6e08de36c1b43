/** The engine's gauges, in the order in which `Binding.counters()` gives them behind the counters. */
export const engineGauges = [
  {
    name: 'router_filters',
    unit: 'filters',
    meaning: 'distinct filters in the router, those of linked clusters included',
  },
  { name: 'retained_count', unit: 'messages', meaning: 'retained messages' },
  {
    name: 'retained_bytes',
    unit: 'bytes',
    meaning: 'memory of retained messages, what the index adds to each included',
  },
  {
    name: 'router_retired_bytes',
    unit: 'bytes',
    meaning: 'taken out of the router and waiting until no loop can still read it',
  },
  {
    name: 'retained_expired',
    unit: 'messages',
    meaning: 'retained messages removed because they had expired; only grows',
  },
  { name: 'delayed_count', unit: 'messages', meaning: 'messages to `$delayed/…` that wait' },
  {
    name: 'delayed_bytes',
    unit: 'bytes',
    meaning: 'memory of delayed messages, what the queue adds to each included',
  },
  {
    name: 'edge_connections',
    unit: 'connections',
    meaning: 'WebSocket connections that have rings between the edge thread and an io loop',
  },
  {
    name: 'edge_ring_bytes',
    unit: 'bytes',
    meaning: 'in these rings, both directions together',
  },
] as const

/** The engine's gauges and the seam's count, as metrics name them. */
export const nativeGauges = [
  ...engineGauges,
  {
    name: 'seam_crossings',
    unit: 'calls',
    meaning: 'calls between JavaScript and the engine since the start, both ways; only grows',
  },
] as const
