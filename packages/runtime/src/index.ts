/** The package's door: what every process needs. */
export { DeadlineError, withDeadline } from './async.ts';
export { bindOrFree } from './bind.ts';
export { boundConnections, type BoundOptions } from './bound-connections.ts';
export { Chain, type Link } from './chain.ts';
export { createWheel, systemClock, type Clock, type Wheel, type WheelOptions } from './clock.ts';
export { Counts } from './counts.ts';
export { answerProbe, openDiagnostics } from './diagnostics.ts';
export { Durations } from './durations.ts';
export { fakeTime, type FakeTime } from './fake-time.ts';
export {
  createHealth,
  healthJson,
  healthText,
  type CheckResult,
  type CheckState,
  type Health,
  type HealthReport,
  type NamedResult,
} from './health.ts';
export { hostIn, isAddress } from './host.ts';
export { createServer, OTHER_LISTENERS, request, ServerResponse } from './http.ts';
export { atExit, runProcess, type ProcessDoor, type ProcessOptions, type Running } from './lifecycle.ts';
export {
  LOG_LEVELS,
  maskUrls,
  openLog,
  silentLog,
  type Log,
  type LogFacts,
  type LogLevel,
  type LogOptions,
  type LogWrite,
  type OpenLog,
} from './log.ts';
export { addProcessFigures, createMetrics, type Metrics } from './metrics.ts';
export { urlOf } from './url.ts';
export { Register } from './register.ts';
export { Recent, RecentMap, remember, rememberAs } from './remember.ts';
export { Retries } from './retries.ts';
