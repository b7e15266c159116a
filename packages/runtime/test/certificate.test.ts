/** Files of a certificate that cannot be served with are told apart, each by what there is to change. */
import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { CertificateError, readCertificate, type CertificateFiles } from '../src/index.ts';

const MADE = join(import.meta.dirname, '../../../test/fixtures/tls');
const made = (name: string): string => join(MADE, name);
const pem = (name: string): string => readFileSync(made(name), 'utf8');
const GOOD: CertificateFiles = { certFile: made('server.pem'), keyFile: made('server.key') };

function file(t: TestContext, content: string | Buffer): string {
  const folder = mkdtempSync(join(tmpdir(), 'causeway-certificate-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'file');
  writeFileSync(path, content);
  return path;
}

function assertFault(files: Partial<CertificateFiles>, setting: keyof CertificateFiles, text: RegExp): void {
  assert.throws(
    () => readCertificate({ ...GOOD, ...files }),
    (error) => {
      assert.ok(error instanceof CertificateError, String(error));
      assert.equal(error.setting, setting);
      assert.match(error.message, text);
      return true;
    },
  );
}

test('a certificate with its key is read, with what stands behind it and the authorities of clients', (t) => {
  const { names, ends, context } = readCertificate(GOOD);
  assert.deepEqual(names.slice(0, 3), ['localhost', 'mcp.example.com', '127.0.0.1']);
  assert.equal(new Date(ends).getUTCFullYear(), 2120);
  assert.deepEqual([context.minVersion, context.ca], ['TLSv1.2', undefined]);
  const chain = file(t, `${pem('server.pem')}\n${pem('ca.pem')}`);
  assert.equal(readCertificate({ ...GOOD, certFile: chain, clientCaFile: made('ca.pem') }).context.ca, pem('ca.pem'));
  assert.deepEqual(readCertificate({ ...GOOD, certFile: file(t, pem('server.pem').replaceAll('\n', '\r\n')) }).names, names);
});

test('what cannot be read, or holds something else, is told as such', (t) => {
  assertFault({ certFile: '/none/cert.pem' }, 'certFile', /^\/none\/cert\.pem: no such file$/);
  assertFault({ keyFile: tmpdir() }, 'keyFile', /it cannot be read \(EISDIR\)/);
  assertFault({ clientCaFile: '/none' }, 'clientCaFile', /no such file/);
  const binary = file(t, new X509Certificate(pem('server.pem')).raw);
  assertFault({ certFile: binary }, 'certFile', /holds no certificate in PEM form .*openssl x509 -inform der/);
  assertFault({ certFile: GOOD.keyFile, keyFile: GOOD.certFile }, 'certFile', /are the two exchanged\?$/);
  assertFault({ keyFile: made('ca.pem') }, 'keyFile', /holds no private key in PEM form/);
  assertFault({ clientCaFile: file(t, '') }, 'clientCaFile', /holds no certificate/);
  assertFault({ certFile: file(t, pem('server.pem').replace(/\n.{20}/, '\n')) }, 'certFile', /a certificate in it is damaged/);
  assertFault({ keyFile: file(t, pem('server.key').replace(/\n.{20}/, '\n')) }, 'keyFile', /the private key in it is damaged/);
  const cipher = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' } as const;
  const closed = file(t, createPrivateKey(pem('server.key')).export(cipher));
  assertFault({ keyFile: closed }, 'keyFile', /asks for a passphrase.*openssl pkey/);
});

test('a file that this user may not read is told as such', { skip: process.getuid?.() === 0 && 'root may read everything' }, (t) => {
  const closed = file(t, pem('server.key'));
  chmodSync(closed, 0);
  assertFault({ keyFile: closed }, 'keyFile', /this user may not read it/);
});

test("another certificate's key, and a chain that begins with the authority, are told apart", (t) => {
  assertFault({ keyFile: made('client.key') }, 'keyFile', /client\.key: it is not the key of the certificate .*server\.pem/);
  const turned = file(t, `${pem('ca.pem')}${pem('server.pem')}`);
  assertFault({ certFile: turned }, 'certFile', /server\.key is not the first in it: put it before/);
});

test('what has ended, or is not valid yet, is not served with', () => {
  const expired = { certFile: made('expired.pem'), keyFile: made('expired.key') };
  assertFault(expired, 'certFile', /the certificate ended on 2020-02-01: renew it$/);
  assertFault({ clientCaFile: made('expired.pem') }, 'clientCaFile', /ended on 2020-02-01/);
  assert.throws(() => readCertificate(GOOD, Date.UTC(2019, 0)), /valid only from 2020-01-01T00:00:00\.000Z on: is the clock right\?/);
});
