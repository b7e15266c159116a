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

type Setting = keyof CertificateFiles | 'caFile';

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
  readonly setting: Setting;

  /** `text` is what is wrong with `file`, and what to change. */
  constructor(setting: Setting, file: string, text: string) {
    super(`${file}: ${text}`);
    this.name = 'CertificateError';
    this.setting = setting;
  }
}

/** The least that is spoken, whatever Node was told. */
const FLOOR = 'TLSv1.2';
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Throws a CertificateError. */
export function readCertificate({ certFile, keyFile, clientCaFile }: CertificateFiles, now = Date.now()): Certificate {
  const ofCert = faultOf('certFile', certFile);
  const ofKey = faultOf('keyFile', keyFile);
  const [cert, key] = [read(certFile, ofCert), read(keyFile, ofKey)];
  const [own, ...others] = certificatesIn(cert, ofCert);
  const outdated = validity(own!, now);
  if (outdated !== undefined) throw ofCert(outdated);
  const secret = privateKey(key, ofKey);
  if (!own!.checkPrivateKey(secret))
    throw others.some((other) => other.checkPrivateKey(secret))
      ? ofCert(`the certificate of the key ${keyFile} is not the first in it: put it before those of its authorities`)
      : ofKey(`it is not the key of the certificate ${certFile}: give the two that were made together`);
  const context: SecureContextOptions = { cert, key, minVersion: FLOOR };
  tryContext(context, ofCert);
  return {
    context: clientCaFile === undefined ? context : { ...context, ca: readAuthorities('clientCaFile', clientCaFile, now) },
    names: namesOf(own!),
    ends: own!.validToDate.getTime(),
  };
}

/** Authorities, one of which at least is valid now. Throws a CertificateError. */
export function readAuthorities(setting: Setting, file: string, now = Date.now()): string {
  const fault = faultOf(setting, file);
  const ca = read(file, fault);
  const outdated = certificatesIn(ca, fault).map((authority) => validity(authority, now));
  if (outdated.every((text) => text !== undefined)) throw fault(outdated[0]!);
  tryContext({ ca }, fault);
  return ca;
}

/** `2027-01-31`. */
export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

type Fault = (text: string) => CertificateError;

function faultOf(setting: Setting, file: string): Fault {
  return (text) => new CertificateError(setting, file, text);
}

function read(file: string, fault: Fault): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw fault(unreadable(error as NodeJS.ErrnoException));
  }
}

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
