/** The package's door: what users write, checked once. */
export { serverNameOf, splitCommand } from './command-line.ts';
export { describeConfig, type Row } from './describe.ts';
export { ConfigError, formatFault, type Fault } from './faults.ts';
export { SEARCH_ORDER } from './find-file.ts';
export { masked, OWN_NATS } from './forms.ts';
export { jsonSchema } from './json-schema.ts';
export { loadConfig, type Loaded, type LoadInput } from './load.ts';
export type { CommandServer } from './server-table.ts';
export { isServerName, toServerName } from './schema.ts';
export { configReference, type ReferenceRow } from './reference.ts';
export { isOwnVariable, variablesOf, type Override } from './settings.ts';
export { nearest } from './suggest.ts';
export { durationMs, isLoopback, sizeBytes } from './units.ts';
export type { AdminConfig, AuthConfig, Config, HttpConfig, HttpPaths, JwtConfig, NatsConfig, ServerConfig } from './types.ts';
export { importedYaml, scaffold } from './write-yaml.ts';
