/** The package's door: the bridge as a library. */
export {
  createBridge,
  type AdminOptions,
  type Bridge,
  type BridgeOptions,
  type DrainOptions,
  type ListenOptions,
  type ServerOptions,
  type TlsOptions,
} from './create-bridge.ts';
