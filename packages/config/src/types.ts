/**
 * Owns the shape of a checked configuration: every unit resolved (milliseconds, bytes), every default
 * filled in, frozen. Each part of the program receives only its own group.
 */

/** Everything, as `loadConfig` returns it. */
export interface Config {
  readonly listen: ListenConfig;
  readonly diagnostics: DiagnosticsConfig;
  readonly admin: AdminConfig;
  readonly http: HttpConfig;
  readonly auth: AuthConfig;
  /** Absent: the in-memory bus, one process. */
  readonly nats?: NatsConfig;
  readonly limits: LimitsConfig;
  readonly worker: WorkerConfig;
  readonly streams: StreamsConfig;
  readonly drain: DrainConfig;
  readonly log: LogConfig;
  /** By name; a null-prototype object, so that any name is only a name. */
  readonly servers: Readonly<Record<string, ServerConfig>>;
}

export interface ListenConfig {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Absent: plain HTTP. */
  readonly tls?: ListenTlsConfig;
}

/** PEM files. */
export interface ListenTlsConfig {
  readonly certFile: string;
  readonly keyFile: string;
  /** Clients must show a certificate of one of these authorities. */
  readonly clientCaFile?: string;
}

export interface DiagnosticsConfig {
  readonly host: string;
  /** `false`: no listener of its own. When it is taken a free one is used, and logged. */
  readonly port: number | false;
  /** Of each server so many tools, and prompts, are told apart by figures; 0: none. */
  readonly tools: number;
}

export interface AdminConfig {
  readonly host: string;
  /** `false`: none. When it is taken a free one is used, and logged. */
  readonly port: number | false;
  /** Absent: a new one at every start. */
  readonly token?: string;
}

export interface HttpConfig {
  /** Public URL in front of this bridge, for the addresses that it announces. */
  readonly baseUrl?: string;
  /** Host names accepted besides those that the bridge has anyway; `*` for all. */
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
  readonly cors: false | CorsConfig;
  /** Bytes of one request body. */
  readonly maxBody: number;
  /** Open at once; more are closed unanswered. */
  readonly maxConnections: number;
  /** Set on every answer. */
  readonly headers: Readonly<Record<string, string>>;
  /** Further paths that answer as /livez does. */
  readonly healthPaths: readonly string[];
  /** Further paths of the default server. */
  readonly paths: HttpPaths;
}

export interface CorsConfig {
  /** Exact origins, `*`, or regular expressions written `/…/`. */
  readonly origins: readonly string[];
  /** Request headers allowed besides those of MCP. */
  readonly headers: readonly string[];
}

export interface HttpPaths {
  readonly mcp?: string;
  readonly sse?: string;
  readonly message?: string;
}

export interface AuthConfig {
  /** Empty, and without `jwt`: nobody is asked. `sha256` in lower-case hex; the key itself is not kept. */
  readonly apiKeys: readonly ApiKey[];
  /** Lower case. */
  readonly identityHeader?: string;
  /** Addresses and networks. */
  readonly identityProxies: readonly string[];
  readonly anonymousBy: 'none' | 'address';
  /** Absent: no tokens are accepted. */
  readonly jwt?: JwtConfig;
}

export interface JwtConfig {
  readonly issuer: string;
  /** One of them must be among a token's. */
  readonly audience: readonly string[];
  /** Where the keys are; absent: where the issuer's metadata says. */
  readonly jwks?: string;
  readonly scopes: readonly string[];
  /** By name of a server, besides `scopes`. */
  readonly serverScopes: Readonly<Record<string, readonly string[]>>;
  readonly algorithms: readonly string[];
  readonly type?: string;
}

/** Absent: no limit. */
export interface LimitsConfig {
  readonly sessions?: number;
  readonly sessionsPerIdentity?: number;
  /** Calls in flight. */
  readonly callsPerSession: number;
  /** Calls in flight on one worker. */
  readonly callsPerIdentity: number;
}

export interface ApiKey {
  readonly id: string;
  readonly sha256: string;
}

export interface NatsConfig {
  readonly servers: readonly string[];
  /** First token or tokens of every subject, and of bucket names. */
  readonly prefix: string;
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
  readonly credsFile?: string;
  readonly nkeyFile?: string;
  /** PEM files; there at all: TLS is demanded. Without `caFile` the authorities that Node knows. */
  readonly tls?: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string };
  /** Copies of each bucket; absent: 3 in a cluster of three or more, else 1. */
  readonly replicas?: number;
}

export interface WorkerConfig {
  /** Milliseconds for which children outlive a lease that ran out; absent: as the limits allow. */
  readonly grace?: number;
  /** Sessions held at once. */
  readonly capacity: number;
  /** Children starting at once. */
  readonly spawnConcurrency: number;
  /** Starts waiting for their turn; beyond it they are refused. */
  readonly spawnQueue: number;
  /** Bytes of one line of a child. */
  readonly lineBytes: number;
  /** What may wait for a child that does not read: bytes, and frames. */
  readonly stdinBytes: number;
  readonly stdinFrames: number;
}

export interface StreamsConfig {
  /** Milliseconds between comments on a quiet stream. */
  readonly heartbeat: number;
  /** What is kept of each stream for replay: frames, bytes, milliseconds. */
  readonly journalFrames: number;
  readonly journalBytes: number;
  readonly journalAge: number;
  /** Bytes of all journals of a worker together. */
  readonly workerJournalBytes: number;
  /** What may be on its way to a client unread: frames, bytes. */
  readonly creditFrames: number;
  readonly creditBytes: number;
  /** Milliseconds: the `retry` field of SSE. */
  readonly retry: number;
  /** Bytes of one JSON-RPC message between the services. */
  readonly maxMessage: number;
}

export interface DrainConfig {
  /** Milliseconds that running calls are given. */
  readonly timeout: number;
  /** Milliseconds between turning unready and refusing. */
  readonly delay: number;
}

export interface LogConfig {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';
  readonly format: 'json' | 'pretty' | 'auto';
}

export interface ServerConfig {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Set for the child, besides the minimal environment. */
  readonly env: Readonly<Record<string, string>>;
  /** `true`: all of ours; a list: these variables of ours; `false`: only PATH, HOME and the like. */
  readonly passEnvironment: boolean | readonly string[];
  readonly cwd?: string;
  /** The command is a line for the shell. */
  readonly shell: boolean;
  /** It gains no privileges by what it executes: set-user-id programs, such as sudo, do not work. */
  readonly noNewPrivileges: boolean;
  /** Milliseconds until the child must have answered initialize. */
  readonly startTimeout: number;
  /** Milliseconds of one call. */
  readonly requestTimeout: number;
  /** Milliseconds without streams and calls after which a session ends. */
  readonly idle: number;
  /** Milliseconds after which every session ends. */
  readonly age: number;
  readonly limits: { readonly sessions?: number };
  /** Own path beside /servers/{name}, e.g. `/git`. */
  readonly path?: string;
  /** Served at /mcp, /sse and /message too. */
  readonly default: boolean;
  /** That it is the default was not written: it is the only server. */
  readonly defaultImplied?: true;
  /** Which MCP it speaks; `auto`: to be found out. */
  readonly era: 'auto' | 'legacy' | 'modern';
  /** What becomes of a session whose owner died. */
  readonly recovery: 'restart' | 'end';
  /** Who may use a process that serves requests without a session. */
  readonly sharing: 'per-session' | 'per-identity' | 'shared' | 'per-request';
  /** Processes that each worker keeps started for whoever needs one. */
  readonly warm: number;
  readonly pool: PoolConfig;
}

/** The processes of one server that one worker keeps for requests without a session. */
export interface PoolConfig {
  /** Of one scope of sharing. */
  readonly max: number;
  /** Milliseconds after which one that nobody uses is stopped. */
  readonly idle: number;
  /** Milliseconds that a call waits for its client's answer. */
  readonly parked: number;
}
