/**
 * Owns the look at the files of a certificate before anything is started: a fault of theirs is one of the configuration, told
 * with the place that names the file.
 */
import { ConfigError, type Fault, type Loaded } from '@causeway/config';
import { CertificateError, readCertificate, type Certificate } from '@causeway/runtime';

/** `undefined` where there is no TLS. Throws a ConfigError. */
export function checkedCertificate({ config, origins }: Pick<Loaded, 'config' | 'origins'>): Certificate | undefined {
  const { tls } = config.listen;
  try {
    return tls && readCertificate(tls);
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    throw new ConfigError([faultOf(error, origins)]);
  }
}

function faultOf({ setting, message: text }: CertificateError, origins: Loaded['origins']): Fault {
  const path = `listen.tls.${setting}`;
  return { where: origins.get(path) ?? 'options', path, text };
}
