// SPDX-License-Identifier: LGPL-2.1-or-later
// What only PostgreSQL has: privileges, and a schema that could be wrong. Each deliberate defect must be caught.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Device, letter, newDevice, startPostgres, uuid, whyNoPostgres } from './backends.mjs';

const reason = whyNoPostgres(), skip = reason ?? false;
let back;
before(async () => { if (!reason) back = await startPostgres(); });
after(async () => { await back?.stop(); });

// The list of everything that a role may do to anything of ours.
async function privileges(pool) {
  const roles = ['anon', 'authenticated', 'service_role'], found = [];
  const tables = (await pool.query("select c.oid, n.nspname || '.' || c.relname as name, c.relkind from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname in ('kith_private', 'public') and c.relkind in ('r', 'v', 'S')")).rows;
  const functions = (await pool.query("select p.oid, n.nspname || '.' || p.proname as name from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname in ('kith_private', 'public')")).rows;
  for (const role of roles) {
    for (const t of tables)
      for (const what of t.relkind === 'S' ? ['USAGE', 'SELECT', 'UPDATE'] : ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER'])
        if ((await pool.query(`select ${t.relkind === 'S' ? 'has_sequence_privilege' : 'has_table_privilege'}($1, $2::oid, $3) as ok`, [role, t.oid, what])).rows[0].ok) found.push(`${role} ${what} ${t.name}`);
    for (const f of functions) if ((await pool.query('select has_function_privilege($1, $2::oid, \'EXECUTE\') as ok', [role, f.oid])).rows[0].ok) found.push(`${role} EXECUTE ${f.name}`);
    for (const schema of ['kith_private']) if ((await pool.query("select has_schema_privilege($1, $2, 'USAGE') as ok", [role, schema])).rows[0].ok) found.push(`${role} USAGE ${schema}`);
  }
  return found.sort();
}
const MINE = ['ack', 'beat', 'claim', 'delete_account', 'fetch', 'grant', 'link_begin', 'link_claim', 'lookup', 'mark_read', 'marks', 'publish', 'register', 'release', 'send', 'ungrant'];
const EXPECTED = [...MINE.map(f => `authenticated EXECUTE public.kith_${f}`), 'authenticated SELECT public.bells', 'service_role EXECUTE public.kith_purge'].sort();

async function checkShape(pool) {
  assert.deepEqual(await privileges(pool), EXPECTED);
  const loose = (await pool.query("select p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname in ('public', 'kith_private') and (p.proconfig is null or not 'search_path=\"\"' = any(p.proconfig) or (n.nspname = 'public' and not p.prosecdef))")).rows;
  assert.deepEqual(loose, [], 'every function has an empty search path');
  assert.deepEqual((await pool.query("select schemaname || '.' || tablename as t from pg_publication_tables where pubname = 'supabase_realtime'")).rows, [{ t: 'public.bells' }]);
  assert.equal((await pool.query("select relrowsecurity as on from pg_class where oid = 'public.bells'::regclass")).rows[0].on, true);
}

async function checkBells(back_) {
  const [a, b] = [await newDevice(back_), await newDevice(back_)];
  assert.deepEqual((await a.call('GET', '/rest/v1/bells?select=device')).value, [{ device: a.id }], `not ${b.id}`);
}

async function checkLease(back_) {
  const d = await newDevice(back_);
  await d.rpc('fetch', { p_consumer: uuid() });
  assert.equal((await d.rpc('fetch', { p_consumer: uuid() })).status, 409);
}

async function checkRace(back_) {
  const d = await newDevice(back_), keys = Array.from({ length: 12 }, () => Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64'));
  await d.rpc('publish', { p_bundle: 'A'.repeat(88), p_prekeys: keys });
  const askers = await Promise.all(Array.from({ length: 24 }, () => newDevice(back_)));
  const got = (await Promise.all(askers.map(x => x.rpc('claim', { p_device: d.id })))).map(r => r.value.prekey).filter(Boolean);
  assert.deepEqual([got.length, new Set(got).size], [12, 12]);
}

async function checkStrangers(back_) {
  const [a, b] = [await newDevice(back_), await newDevice(back_)];
  const { value } = await a.rpc('send', { p_messages: Array.from({ length: 6 }, () => letter(b)) });
  assert.equal(value.results[5].status, 'mailbox_full');
}

async function checkGuesses(back_) {
  const d = await new Device(back_).signUp();
  for (let i = 0; i < 13; i++) await d.rpc('link_claim', { p_code: uuid(), p_cert: 'A'.repeat(88) });
  assert.equal((await d.rpc('link_claim', { p_code: uuid(), p_cert: 'A'.repeat(88) })).status, 429);
}

test('privileges: these and no others', { skip, timeout: 30000 }, () => checkShape(back.pool));

test('each of the checks holds on the schema as it is', { skip, timeout: 60000 }, async () => {
  for (const check of [checkBells, checkLease, checkRace, checkStrangers, checkGuesses]) await check(back);
});

test('expiry, also by the operator', { skip, timeout: 30000 }, async () => {
  const [a, b] = [await newDevice(back), await newDevice(back)];
  await a.rpc('send', { p_messages: [letter(b), letter(b)] });
  await back.pool.query("update kith_private.messages set created_at = now() - interval '8 days', expires_at = now() - interval '1 day' where to_device = $1", [b.id]);
  assert.deepEqual((await b.rpc('fetch', { p_consumer: uuid() })).value.messages, []);
  const service = back.gateway.sign({ role: 'service_role', exp: Math.floor(Date.now() / 1000) + 60 });
  assert.ok((await a.rpc('purge', {}, { token: service })).value >= 2);
});

test('faults on the way: the same bytes again are stored once', { skip, timeout: 30000 }, async () => {
  const [a, b] = [await newDevice(back), await newDevice(back)], m = letter(b), where = '/rest/v1/rpc/kith_send';
  const fault = f => fetch(`${back.url}/__test/fault`, { method: 'POST', body: JSON.stringify({ path: where, times: 1, ...f }) });
  const again = () => a.rpc('send', { p_messages: [m] }).catch(error => ({ status: 0, error }));
  await fault({ status: 429, headers: { 'retry-after': '1' }, body: '{}' });
  assert.deepEqual(await again().then(r => [r.status, r.retry]), [429, '1']);
  await fault({ status: 502, headers: { 'content-type': 'text/html' }, body: '<html>Bad Gateway</html>' });
  assert.equal((await again()).status, 502);
  await fault({ status: 401, body: '{}' });
  assert.equal((await again()).status, 401);
  await fault({ drop: true });
  assert.equal((await again()).status, 0);
  await fault({ after: true });
  assert.equal((await again()).status, 0);
  assert.equal((await again()).value.results[0].status, 'duplicate');
  assert.equal((await b.rpc('fetch', { p_consumer: uuid() })).value.messages.length, 1);
});

const defects = [
  ['the default grants of Supabase stay on the bells', s => s.replace(/revoke all on public\.bells[^\n]*\n/, ''), b => checkShape(b.pool)],
  ['functions keep their default grants', s => s.replace(/ {4}execute format\('revoke all on function[^\n]*\n/, ''), b => checkShape(b.pool)],
  ['no row security', s => s.replace('alter table public.bells enable row level security;', ''), checkBells],
  ['a policy that lets everybody in', s => s.replace('using (device = (select auth.uid()))', 'using (true)'), checkBells],
  ['a lease that anybody takes', s => s.replace('where l.consumer = excluded.consumer or l.expires_at <= clock_timestamp()', ''), checkLease],
  ['a prekey that is read and not deleted', s => s.replace(/delete from kith_private\.prekeys where n = \(\s*select n from kith_private\.prekeys where device = p_device order by n limit 1 for update skip locked\)\s*returning key into k;/, 'select key into k from kith_private.prekeys where device = p_device order by n limit 1;'), checkRace],
  ['strangers without a bound', s => s.replace('n >= 5 and', 'n >= 500 and'), checkStrangers],
  ['a wrong code that is forgotten', s => s.replace("return kith_private.refuse(404, 'kith_bad_code', 'no such code')", "perform kith_private.fail(404, 'kith_bad_code', 'no such code')"), checkGuesses],
  ['mail in the publication', s => s.replace('alter publication supabase_realtime add table public.bells;', 'alter publication supabase_realtime add table public.bells, kith_private.messages;'), b => checkShape(b.pool)],
];
for (const [what, defect, check] of defects)
  test(`caught: ${what}`, { skip, timeout: 60000 }, async () => {
    const bad = await startPostgres(text => { const changed = defect(text); assert.notEqual(changed, text, 'the defect fits the schema'); return changed; });
    try { await assert.rejects(check(bad), assert.AssertionError); } finally { await bad.stop(); }
  });
