/**
 * Owns reading what a listener proves by who it is: a certificate, its key, and the authorities of its clients, from PEM files.
 * Invariant: what is returned can be served with: the key is that of the certificate, which is valid now, and TLS takes all of it.
 * It leaves to its caller when the files are read again.
 */
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContextOptions } from 'node:tls';

export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly clientCaFile?: string | undefined;
}

export interface Certificate {
  /** For `node:tls`. */
  readonly context: SecureContextOptions;
  /** For whom it was made, e.g. `mcp.example.com`. */
  readonly names: readonly string[];
  /** Milliseconds since 1970. */
  readonly ends: number;
}

/** A file that cannot be used. */
export class CertificateError extends Error {
  /** Which of them. */
  readonly setting: keyof CertificateFiles;

  /** `text` is what is wrong with `file`, and what to change. */
  constructor(setting: keyof CertificateFiles, file: string, text: string) {
    super(`${file}: ${text}`);
    this.name = 'CertificateError';
    this.setting = setting;
  }
}

/** The least that is spoken, whatever Node was told. */
const FLOOR = 'TLSv1.2';
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Throws a CertificateError. */
export function readCertificate(files: CertificateFiles, now = Date.now()): Certificate {
  const fault = (setting: keyof CertificateFiles, text: string): CertificateError =>
    new CertificateError(setting, files[setting] ?? '', text);
  const read = (setting: keyof CertificateFiles): string => {
    try {
      return readFileSync(files[setting]!, 'utf8');
    } catch (error) {
      throw fault(setting, unreadable(error as NodeJS.ErrnoException));
    }
  };
  const cert = read('certFile');
  const key = read('keyFile');
  const [own, ...others] = certificatesIn(cert, (text) => fault('certFile', text));
  const outdated = validity(own!, now);
  if (outdated !== undefined) throw fault('certFile', outdated);
  if (!own!.checkPrivateKey(privateKey(key, (text) => fault('keyFile', text))))
    throw others.some((other) => other.checkPrivateKey(createPrivateKey(key)))
      ? fault('certFile', `the certificate of the key ${files.keyFile} is not the first in it: put it before those of its authorities`)
      : fault('keyFile', `it is not the key of the certificate ${files.certFile}: give the two that were made together`);
  const context: SecureContextOptions = { cert, key, minVersion: FLOOR };
  tryContext(context, (text) => fault('certFile', text));
  const names = namesOf(own!);
  const ends = own!.validToDate.getTime();
  if (files.clientCaFile === undefined) return { context, names, ends };
  const ca = read('clientCaFile');
  const authorities = certificatesIn(ca, (text) => fault('clientCaFile', text)).map((authority) => validity(authority, now));
  if (authorities.every((text) => text !== undefined)) throw fault('clientCaFile', authorities[0]!);
  tryContext({ ca }, (text) => fault('clientCaFile', text));
  return { context: { ...context, ca }, names, ends };
}

/** `2027-01-31`. */
export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

type Fault = (text: string) => CertificateError;

function unreadable({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT') return 'no such file';
  return code === 'EACCES' ? 'this user may not read it' : `it cannot be read (${code ?? message})`;
}

/** One at least. */
function certificatesIn(pem: string, fault: Fault): readonly X509Certificate[] {
  const found = pem.match(CERTIFICATE);
  if (found === null)
    throw fault(
      pem.includes('PRIVATE KEY-----')
        ? 'it holds a private key, and should hold a certificate: are the two exchanged?'
        : 'it holds no certificate in PEM form (BEGIN CERTIFICATE); openssl x509 -inform der -in FILE makes it of a binary one',
    );
  return found.map((one) => {
    try {
      return new X509Certificate(one);
    } catch (error) {
      throw fault(`a certificate in it is damaged (${(error as Error).message})`);
    }
  });
}

function privateKey(pem: string, fault: Fault): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MISSING_PASSPHRASE' || pem.includes('ENCRYPTED'))
      throw fault('it asks for a passphrase, and nobody is there to say it: openssl pkey -in FILE -out OTHER takes it off');
    throw fault(
      pem.includes('PRIVATE KEY-----')
        ? `the private key in it is damaged (${(error as Error).message})`
        : 'it holds no private key in PEM form (BEGIN PRIVATE KEY)',
    );
  }
}

/** What is wrong with its dates. */
function validity({ validFromDate: from, validToDate: to }: X509Certificate, now: number): string | undefined {
  if (to.getTime() <= now) return `the certificate ended on ${dayOf(to.getTime())}: renew it`;
  return from.getTime() > now ? `the certificate is valid only from ${from.toISOString()} on: is the clock right?` : undefined;
}

/** What OpenSSL alone sees, such as keys that are too short. */
function tryContext(context: SecureContextOptions, fault: Fault): void {
  try {
    createSecureContext(context);
  } catch (error) {
    throw fault(`TLS does not take it (${(error as Error).message})`);
  }
}

function namesOf({ subjectAltName, subject }: X509Certificate): readonly string[] {
  const names = (subjectAltName ?? '').split(', ').flatMap((name) => /^(?:DNS|IP Address):(.+)$/.exec(name)?.[1] ?? []);
  const common = /^CN=(.+)$/m.exec(subject ?? '')?.[1];
  return names.length > 0 || common === undefined ? names : [common];
}
