/**
 * Owns the look at the files of certificates before anything is started: a fault of theirs is one of the configuration, told
 * with the place that names the file.
 */
import { ConfigError, type Loaded } from '@causeway/config';
import { CertificateError, readAuthorities, readCertificate, type Certificate } from '@causeway/runtime';

type Checked = Pick<Loaded, 'config' | 'origins'>;

/** What clients are shown; `undefined` where there is no TLS. Throws a ConfigError. */
export function checkedCertificate(loaded: Checked): Certificate | undefined {
  const { tls } = loaded.config.listen;
  return tls && told('listen.tls', loaded, () => readCertificate(tls));
}

/** The files of `nats.tls`. Throws a ConfigError. */
export function checkNatsFiles(loaded: Checked): void {
  const { caFile, certFile, keyFile } = loaded.config.nats?.tls ?? {};
  told('nats.tls', loaded, () => {
    if (caFile !== undefined) readAuthorities('caFile', caFile);
    if (certFile !== undefined && keyFile !== undefined) readCertificate({ certFile, keyFile });
  });
}

function told<T>(group: string, { origins }: Checked, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    const path = `${group}.${error.setting}`;
    throw new ConfigError([{ where: origins.get(path) ?? 'options', path, text: error.message }]);
  }
}
