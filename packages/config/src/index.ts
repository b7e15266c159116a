/** The package's door: what users write, checked once. */
export type {
  ApiKey,
  AuthConfig,
  Config,
  CorsConfig,
  DiagnosticsConfig,
  DrainConfig,
  HttpConfig,
  HttpPaths,
  ListenConfig,
  LogConfig,
  NatsConfig,
  ServerConfig,
  StreamsConfig,
  WorkerConfig,
} from './types.ts';
