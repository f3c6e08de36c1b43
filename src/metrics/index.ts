/**
 * Metrics: names, units and meanings in one file, and one reading of them all.
 * Plane: control. Thread: main. Owns: the control counters, the sampling of the control loop's delay.
 * May import: nothing. Imported by: session, broker, management.
 * Read next: names.ts (what there is), metrics.ts (how it is read).
 */
export { type ControlCounters, controlCounters, type MetricSources, Metrics } from './metrics.js'
export { type ControlGauge, type ControlMetric, controlGauges, controlMetrics } from './names.js'
