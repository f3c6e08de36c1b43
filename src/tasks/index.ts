/**
 * Tasks: bulk work off the control thread, on a few threads of lower priority.
 * Plane: control. Thread: main; jobs run on Piscina threads. Owns: the threads and the queue in front of them.
 * May import: errors, limits, native. Imported by: main; link and auth through their own interfaces.
 * Read next: task-pool.ts (queue and end), bootstrap-worker.ts and password-worker.ts (jobs).
 */
export { type JobName, TaskPool, type TaskPoolOptions, type TaskStatus } from './task-pool.js'
