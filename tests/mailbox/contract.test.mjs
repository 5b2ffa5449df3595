// SPDX-License-Identifier: LGPL-2.1-or-later
// The contract of the mailbox, one table of tests for both servers. Run by `node --test` (tests/stages.py, stage mailbox).
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { after, before, test } from 'node:test';
import { createClient } from '@supabase/supabase-js';
import WebSocket from 'ws';
import { Device, letter, newDevice, startPostgres, startRelay, uuid, whyNoPostgres } from './backends.mjs';

const b64 = n => crypto.randomBytes(n).toString('base64');
const FUNCTIONS = {
  register: { p_username: 'x', p_identity_key: b64(32), p_cert: b64(80), p_recovery_hash: '0'.repeat(64) },
  link_begin: { p_code_hash: '0'.repeat(64) }, link_claim: { p_code: 'x', p_cert: b64(80) },
  publish: { p_bundle: b64(90), p_prekeys: [] }, lookup: { p_username: 'x' }, claim: { p_device: uuid() }, send: { p_messages: [] },
  fetch: { p_consumer: uuid() }, ack: { p_consumer: uuid(), p_ids: [] }, release: { p_consumer: uuid() }, grant: { p_peer: uuid(), p_sealed: 'x' },
  ungrant: { p_peer: uuid() }, beat: { p_visible: true }, mark_read: { p_conv: 'A'.repeat(43), p_pos: 1, p_sealed: null }, marks: {}, delete_account: {}, purge: {},
};
const pair = async back => [await newDevice(back), await newDevice(back)];
const send = async (from, ...messages) => (await from.rpc('send', { p_messages: messages })).value.results?.map(r => r.status);
const fetch1 = (device, consumer, more = {}) => device.rpc('fetch', { p_consumer: consumer, ...more });
const ids = answer => answer.value.messages.map(m => m.id);

export const table = {
  async 'a session: sign up, who am I, renew with rotation, sign out'(back) {
    const d = await new Device(back).signUp();
    assert.equal((await d.call('GET', '/auth/v1/user')).value.id, d.id);
    const renew = token => d.call('POST', '/auth/v1/token?grant_type=refresh_token', { refresh_token: token }, { token: null });
    const next = await renew(d.session.refresh_token);
    assert.equal(next.status, 200);
    assert.notEqual(next.value.refresh_token, d.session.refresh_token);
    assert.equal((await renew(d.session.refresh_token)).status, 200, 'a lost answer may be asked for again at once');
    const none = await renew('nonsense');
    assert.deepEqual([none.status, none.value.error_code], [400, 'refresh_token_not_found']);
    const modern = await d.call('POST', '/auth/v1/token?grant_type=refresh_token', { refresh_token: 'x' }, { headers: { 'x-supabase-api-version': '2024-01-01' } });
    assert.equal(modern.code, 'refresh_token_not_found');
    assert.equal((await d.call('POST', '/auth/v1/logout?scope=local')).status, 204);
    assert.equal((await d.call('GET', '/auth/v1/user')).status, 403);
    assert.equal((await d.call('GET', '/auth/v1/settings')).value.external.anonymous_users, true);
  },
  async 'registering is repeatable; names are taken once'(back) {
    const d = await newDevice(back);
    const again = await d.rpc('register', d.args);
    assert.deepEqual([again.status, again.value], [200, { user_id: d.user, device_id: d.id }]);
    assert.equal((await d.rpc('register', { ...d.args, p_username: 'other' })).code, 'kith_already_registered');
    const e = await new Device(back).signUp();
    const taken = await e.register(d.username);
    assert.deepEqual([taken.status, taken.code], [409, 'kith_username_taken']);
    for (const bad of ['', 'A', '.a', 'a'.repeat(33), 'a b', 'ä']) assert.deepEqual((await e.register(bad)).status, 400, bad);
    assert.equal((await e.rpc('register', { ...d.args, p_identity_key: 'x' })).status, 400);
    assert.equal((await e.rpc('register', { ...d.args, p_username: 'free-name-1', p_cert: 'x' })).status, 400);
  },
  async 'devices join by a code once, and by the recovery code always; eight at most'(back) {
    const d = await newDevice(back), code = b64(16);
    assert.equal((await d.rpc('link_begin', { p_code_hash: crypto.createHash('sha256').update(code).digest('hex') })).status, 204);
    const e = await new Device(back).signUp(), f = await new Device(back).signUp();
    const claim = (who, word) => who.rpc('link_claim', { p_code: word, p_cert: b64(80) });
    assert.deepEqual((await claim(e, code)).value, { user_id: d.user, device_id: e.id });
    assert.deepEqual([(await claim(f, code)).code, (await claim(e, code)).code], ['kith_bad_code', 'kith_already_registered']);
    for (let i = 0; i < 6; i++) assert.equal((await claim(await new Device(back).signUp(), d.recovery)).status, 200);
    assert.equal((await claim(f, d.recovery)).code, 'kith_too_many_devices');
    assert.equal((await d.rpc('lookup', { p_username: d.username })).value.devices.length, 8);
  },
  async 'codes cannot be guessed: a wrong one counts'(back) {
    const d = await newDevice(back), e = await new Device(back).signUp(), got = [];
    const claim = word => e.rpc('link_claim', { p_code: word, p_cert: b64(80) });
    for (let i = 0; i < 30 && got.at(-1)?.status !== 429; i++) got.push(await claim(b64(16)));
    const last = got.pop();
    assert.ok(got.length >= 10 && got.length <= 12, `${got.length} guesses`);
    assert.deepEqual([...new Set(got.map(r => `${r.status} ${r.code}`))], ['404 kith_bad_code']);
    assert.deepEqual([last.status, last.code, Number(last.retry) >= 1], [429, 'kith_rate_limited', true]);
    assert.equal((await claim(d.recovery)).status, 429, 'a right one no longer helps');
  },
  async 'the directory and prekeys: each handed out once to 24 who ask at once'(back) {
    const d = await newDevice(back), keys = Array.from({ length: 20 }, () => b64(32)), bundle = b64(90);
    assert.equal((await d.rpc('claim', { p_device: d.id })).status, 404);
    assert.deepEqual((await d.rpc('publish', { p_bundle: bundle, p_prekeys: keys })).value, { prekeys: 20 });
    assert.deepEqual((await d.rpc('publish', { p_bundle: bundle })).value, { prekeys: 20 });
    assert.equal((await d.rpc('publish', { p_bundle: bundle, p_prekeys: Array.from({ length: 190 }, () => b64(32)) })).code, 'kith_too_many_prekeys');
    assert.equal((await d.rpc('publish', { p_bundle: bundle, p_prekeys: ['x'] })).status, 400);
    const found = (await d.rpc('lookup', { p_username: d.username })).value;
    assert.deepEqual(found, { user_id: d.user, username: d.username, identity_key: d.args.p_identity_key, devices: [{ id: d.id, cert: d.args.p_cert }] });
    assert.equal((await d.rpc('lookup', { p_username: 'nobody-here' })).value, null);
    const askers = await Promise.all(Array.from({ length: 24 }, () => newDevice(back)));
    const got = await Promise.all(askers.map(a => a.rpc('claim', { p_device: d.id })));
    const handed = got.map(g => g.value.prekey).filter(k => k !== null);
    assert.deepEqual([got.every(g => g.status === 200), handed.length, new Set(handed).size], [true, 20, 20]);
    assert.deepEqual([...handed].sort(), [...keys].sort());
    for (let i = 0; i < 4; i++) await askers[0].rpc('claim', { p_device: d.id });
    const much = await askers[0].rpc('claim', { p_device: d.id });
    assert.deepEqual([much.status, much.code, Number(much.retry) > 0], [429, 'kith_rate_limited', true]);
  },
  async 'mail: order, repetition, refusals'(back) {
    const [a, b] = await pair(back), m = [letter(b), letter(b), letter(b)], me = uuid();
    assert.deepEqual(await send(a, ...m), ['stored', 'stored', 'stored']);
    assert.deepEqual(await send(a, m[1]), ['duplicate']);
    assert.deepEqual(await send(a, { ...m[0], ct: b64(9) }, letter(b)), ['conflict', 'deferred']);
    assert.deepEqual(await send(a, letter({ id: uuid() }), { id: 'x', to: b.id, ct: 'AAAA' }, { id: uuid(), to: b.id, ct: '*' }, 5), ['no_device', 'invalid', 'invalid', 'invalid']);
    assert.deepEqual(await send(a, letter(b, 65540)), ['too_large']);
    assert.equal((await a.rpc('send', { p_messages: Array.from({ length: 51 }, () => letter(b)) })).status, 400);
    assert.equal((await a.rpc('send', { p_messages: Array.from({ length: 9 }, () => letter(b, 65536)) })).status, 413);
    const got = await fetch1(b, me, { p_limit: 2 });
    assert.deepEqual([ids(got), got.value.more], [[m[0].id, m[1].id], true]);
    assert.deepEqual(Object.keys(got.value.messages[0]).sort(), ['created_at', 'ct', 'from_device', 'from_name', 'from_user', 'id', 'seq']);
    assert.deepEqual([got.value.messages[0].ct, got.value.messages[0].from_device, got.value.messages[0].from_user, got.value.messages[0].from_name], [m[0].ct, a.id, a.user, a.username]);
    assert.deepEqual((await b.rpc('ack', { p_consumer: me, p_ids: [m[0].id, uuid()] })).value, { deleted: [m[0].id] });
    assert.deepEqual(ids(await fetch1(b, me)), [m[1].id, m[2].id]);
    assert.deepEqual(await send(a, letter(b), letter(b), letter(b), letter(b)), ['stored', 'stored', 'stored', 'mailbox_full']);
    assert.equal((await b.rpc('grant', { p_peer: a.user })).status, 204);
    assert.deepEqual(await send(a, letter(b)), ['stored'], 'a friend may leave more than five');
  },
  async 'a sender is throttled, in order'(back) {
    const [a, b] = await pair(back);
    await b.rpc('grant', { p_peer: a.user });
    const all = [];
    for (let i = 0; i < 4; i++) all.push(...(await send(a, ...Array.from({ length: 50 }, () => letter(b)))));
    const first = all.indexOf('rate_limited');
    assert.ok(first >= 100 && first <= 130, `${first}`);
    assert.deepEqual(new Set(all.slice(0, first)), new Set(['stored']));
    const late = (await a.rpc('send', { p_messages: Array.from({ length: 50 }, () => letter(b)) })).value;
    assert.ok(late.retry_after >= 1 && late.results.at(-1).status === 'deferred');
  },
  async 'two consumers and a crash: one lease, nothing lost, nothing twice'(back) {
    const [a, b] = await pair(back), one = uuid(), two = uuid(), sent = Array.from({ length: 5 }, () => letter(b));
    await send(a, ...sent);
    assert.equal((await fetch1(b, one, { p_lease: 5 })).status, 200);
    const no = await fetch1(b, two);
    assert.deepEqual([no.status, no.code, Number(no.retry) >= 1], [409, 'kith_leased', true]);
    assert.equal((await b.rpc('ack', { p_consumer: two, p_ids: sent.map(m => m.id) })).code, 'kith_leased');
    await b.rpc('ack', { p_consumer: one, p_ids: [sent[0].id] });                                             // then it crashes
    let got = no;
    for (let i = 0; i < 80 && got.status === 409; i++) { await new Promise(done => setTimeout(done, 100)); got = await fetch1(b, two); }
    assert.deepEqual(ids(got), sent.slice(1).map(m => m.id));
    assert.equal((await b.rpc('ack', { p_consumer: one, p_ids: [sent[1].id] })).code, 'kith_leased', 'the crashed one comes back: fenced');
    assert.equal((await b.rpc('ack', { p_consumer: two, p_ids: sent.map(m => m.id) })).value.deleted.length, 4);
    assert.equal((await b.rpc('release', { p_consumer: two })).status, 204);
    assert.deepEqual(ids(await fetch1(b, one)), []);
  },
  async 'presence, addresses and read positions'(back) {
    const [a, b] = await pair(back), conv = crypto.randomBytes(32).toString('base64url');
    assert.equal((await a.rpc('grant', { p_peer: uuid() })).code, 'kith_no_user');
    assert.equal((await a.rpc('grant', { p_peer: b.user, p_sealed: 'x'.repeat(4097) })).status, 400);
    await a.rpc('grant', { p_peer: b.user, p_sealed: 'here' });
    await a.rpc('beat', { p_visible: true });
    let [peer] = (await b.rpc('beat')).value.peers;
    assert.deepEqual([peer.user_id, peer.sealed], [a.user, 'here']);
    assert.ok(Math.abs(Date.parse(peer.last_seen) - Date.now()) < 130000 && Date.parse(peer.last_seen) % 60000 === 0);
    await a.rpc('beat', { p_visible: false });
    [peer] = (await b.rpc('beat')).value.peers;
    assert.equal(peer.last_seen, null);
    assert.deepEqual((await a.rpc('beat')).value.peers, [], 'only one way');
    await a.rpc('ungrant', { p_peer: b.user });
    assert.deepEqual((await b.rpc('beat')).value.peers, []);
    assert.equal((await a.rpc('mark_read', { p_conv: conv, p_pos: 7, p_sealed: 's' })).value, 7);
    assert.equal((await a.rpc('mark_read', { p_conv: conv, p_pos: 3, p_sealed: 't' })).value, 7, 'monotonic');
    assert.deepEqual((await a.rpc('marks')).value, [{ conv, pos: 7, sealed: 's' }]);
    assert.deepEqual((await b.rpc('marks')).value, []);
    assert.equal((await a.rpc('mark_read', { p_conv: 'short', p_pos: 1 })).status, 400);
  },
  async 'an account goes with everything of it'(back) {
    const [a, b] = await pair(back);
    await send(a, letter(b));
    assert.equal((await a.rpc('delete_account')).status, 204);
    assert.deepEqual(ids(await fetch1(b, uuid())), []);
    assert.deepEqual(await send(b, letter(a)), ['no_device']);
    assert.equal((await a.rpc('marks')).code, 'kith_not_registered');
    assert.equal((await a.register(a.username)).status, 200);
  },
  async 'nobody gets in: every function without, with a wrong, and with an unregistered token'(back) {
    const stranger = await new Device(back).signUp(), [head, claims, mac] = stranger.token.split('.');
    const forge = (h, c, m = mac) => [Buffer.from(h).toString('base64url'), Buffer.from(JSON.stringify(c)).toString('base64url'), m].join('.');
    const said = JSON.parse(Buffer.from(claims, 'base64url'));
    const wrong = { 'none': forge('{"alg":"none","typ":"JWT"}', said, ''), 'another mac': `${head}.${claims}.${mac.slice(0, -4)}AAAA`, 'somebody else': forge('{"alg":"HS256","typ":"JWT"}', { ...said, sub: uuid() }), 'service': forge('{"alg":"HS256","typ":"JWT"}', { ...said, role: 'service_role' }) };
    for (const [name, args] of Object.entries(FUNCTIONS)) {
      assert.equal((await stranger.rpc(name, args, { token: null })).status, 401, `${name} without a token`);
      for (const [what, token] of Object.entries(wrong)) assert.equal((await stranger.rpc(name, args, { token })).status, 401, `${name} with a token of ${what}`);
      assert.equal((await stranger.call('POST', `/rest/v1/rpc/kith_${name}`, args, { headers: { apikey: 'wrong' } })).status, 401, `${name} without the key`);
      if (['register', 'link_claim'].includes(name)) continue;
      const no = await stranger.rpc(name, args);
      assert.deepEqual([no.status, no.code], name === 'purge' ? [403, '42501'] : [403, 'kith_not_registered'], name);
    }
    const d = await newDevice(back);
    assert.equal((await d.rpc('purge')).status, 403);
    assert.equal((await d.rpc('nothing')).status, 404);
    assert.deepEqual([(await d.rpc('lookup', {})).status, (await d.rpc('lookup', { p_username: 'x', p_more: 1 })).code], [404, 'PGRST202']);
    assert.equal((await d.rpc('fetch', { p_consumer: 'x' })).status, 400);
    for (const where of ['/rest/v1/accounts', '/rest/v1/messages', '/rest/v1/users', '/storage/v1/bucket', '/graphql/v1', '/admin/status', '/events']) {
      const { status } = await d.call('GET', where);
      assert.ok([401, 403, 404].includes(status), `${where}: ${status}`);
    }
  },
  async 'one sees, and is told by, one\'s own bell only'(back) {
    const [a, b] = await pair(back);
    assert.deepEqual((await b.call('GET', '/rest/v1/bells?select=device,seq')).value, [{ device: b.id, seq: 0 }]);
    for (const method of ['POST', 'PATCH', 'DELETE']) assert.ok([401, 403, 404].includes((await b.call(method, '/rest/v1/bells?select=device,seq', method === 'DELETE' ? undefined : { seq: 1 })).status), method);
    assert.equal((await b.call('GET', '/rest/v1/bells?select=device,seq', undefined, { token: null })).status, 401);
    const rung = [];
    const ws = new WebSocket(`${back.url.replace('http', 'ws')}/realtime/v1/websocket?apikey=${back.key}&vsn=2.0.0`);
    const joined = new Promise(done => ws.on('message', raw => {
      const [, ref, topic, event, payload] = JSON.parse(raw);
      if (event === 'system' && payload.message === 'Subscribed to PostgreSQL') done();
      if (event === 'postgres_changes') rung.push([topic, payload.data.record.device]);
      if (event === 'phx_reply' && ref === '9') rung.push('beat');
    }));
    await new Promise(done => ws.once('open', done));
    const join = (topic, who, of, ref) => ws.send(JSON.stringify([ref, ref, topic, 'phx_join', { access_token: who.token, config: { postgres_changes: [{ event: 'UPDATE', schema: 'public', table: 'bells', filter: `device=eq.${of.id}` }] } }]));
    join('realtime:spy', a, b, '1');
    join('realtime:inbox', b, b, '2');
    await joined;
    ws.send(JSON.stringify([null, '9', 'phoenix', 'heartbeat', {}]));
    ws.send(JSON.stringify(['2', '3', 'realtime:inbox', 'access_token', { access_token: b.token }]));
    await send(a, letter(b));
    for (let i = 0; i < 400 && rung.length < 2; i++) await new Promise(done => setTimeout(done, 50));
    await new Promise(done => setTimeout(done, 150));
    assert.deepEqual(rung, ['beat', ['realtime:inbox', b.id]]);
    ws.close();
  },
  async 'the official supabase-js'(back) {
    const client = createClient(back.url, back.key, { realtime: { transport: WebSocket }, auth: { persistSession: false, autoRefreshToken: false } });
    const { data, error } = await client.auth.signInAnonymously();
    assert.equal(error, null);
    const name = `js-${crypto.randomBytes(6).toString('hex')}`;
    const made = await client.rpc('kith_register', { p_username: name, p_identity_key: b64(32), p_cert: b64(80), p_recovery_hash: crypto.randomBytes(32).toString('hex') });
    assert.equal(made.error, null);
    assert.equal(made.data.device_id, data.user.id);
    const rang = new Promise((done, failed) => {
      const limit = setTimeout(() => failed(new Error('no bell')), 15000);
      client.channel('inbox').on('postgres_changes', { event: 'UPDATE', schema: 'public', table: 'bells', filter: `device=eq.${data.user.id}` }, change => { clearTimeout(limit); done(change.new.device); })
        .on('system', {}, async said => { if (said.message === 'Subscribed to PostgreSQL') await send(await newDevice(back), letter(data.user)); }).subscribe();
    });
    assert.equal(await rang, data.user.id);
    const mail = await client.rpc('kith_fetch', { p_consumer: uuid() });
    assert.deepEqual([mail.error, mail.data.messages.length], [null, 1]);
    assert.equal((await client.rpc('kith_claim', { p_device: uuid() })).error.code, 'kith_no_device');
    assert.equal((await client.auth.refreshSession()).error, null);
    assert.equal((await client.from('bells').select('device,seq')).data.length, 1);
    await client.removeAllChannels();
    assert.equal((await client.auth.signOut({ scope: 'local' })).error, null);
  },
};

const backs = {};
const reason = whyNoPostgres();
before(async () => {
  backs.relay = await startRelay();
  if (reason === null) backs.postgres = await startPostgres();
});
after(async () => {
  for (const back of Object.values(backs)) await back.stop();
});
for (const name of ['relay', 'postgres'])
  for (const [title, run] of Object.entries(table))
    test(`${name}: ${title}`, { skip: name === 'postgres' && reason !== null ? reason : false, timeout: 60000 }, () => run(backs[name]));

// ---- a differential run
function random(seed) {
  let state = seed >>> 0;
  return n => { state = (Math.imul(state, 1664525) + 1013904223) >>> 0; return Math.floor((state / 2 ** 32) * n); };
}

// What differs between two servers by right: their own ids and times.
function strip(value, names) {
  if (Array.isArray(value)) return value.map(v => strip(v, names));
  if (value === null || typeof value !== 'object') return names.get(value) ?? value;
  return Object.fromEntries(Object.entries(value).sort(([x], [y]) => (x < y ? -1 : 1)).filter(([k]) => !['cert', 'identity_key', 'now', 'seq', 'created_at', 'last_seen', 'retry_after', 'message', 'details', 'hint'].includes(k)).map(([k, v]) => [k, strip(v, names)]));
}

// Leases that outlast the run: of one that ends in its middle the two servers, asked a moment apart, may differ by right.
const LASTING = [120, 300, null];

test('the same random calls get the same answers', { skip: reason ?? false, timeout: 240000 }, async t => {
  const seed = Number(process.env.KITH_SEED ?? crypto.randomInt(2 ** 31));
  t.diagnostic(`seed ${seed}`);
  const roll = random(seed), both = [backs.relay, backs.postgres], N = 5;
  const sides = await Promise.all(both.map(async back => {
    const devices = [];
    for (let i = 0; i < N; i++) devices.push(i < 4 ? await newDevice(back, `diff-${i}-${seed.toString(36)}`) : await new Device(back).signUp());
    return { devices, names: new Map(devices.flatMap((d, i) => [[d.id, `device ${i}`], [d.user, `user ${i}`]]).filter(([k]) => k)) };
  }));
  const mails = [], consumers = [uuid(), uuid()], convs = [0, 1].map(() => crypto.randomBytes(32).toString('base64url')), keys = Array.from({ length: 30 }, () => b64(32)), bundle = b64(90);
  const odd = list => list[roll(list.length)];
  const cast = () => {
    const i = roll(N), to = roll(N), mail = () => { if (mails.length && roll(4) === 0) return odd(mails); const m = { id: odd([uuid(), uuid(), uuid(), 'bad']), ct: odd(['AAAA', 'QUJD', '!', 'A'.repeat(40)]), to, ttl: odd([undefined, null, 60, 1e9, 1.5, -3]) }; mails.push(m); return m; };
    const peer = () => odd([to, to, null]);
    const calls = {
      send: () => { const list = Array.from({ length: 1 + roll(4) }, mail); return s => ({ p_messages: list.map(m => ({ ...m, to: s.devices[m.to].id })) }); },
      fetch: () => { const args = { p_consumer: odd(consumers), p_limit: odd([1, 3, 25, 99, null, 0]), p_lease: odd(LASTING) }; return () => args; },
      ack: () => { const args = { p_consumer: odd(consumers), p_ids: mails.filter(m => m.id !== 'bad').slice(-roll(6) - 1).map(m => m.id) }; return () => args; },
      release: () => { const args = { p_consumer: odd(consumers) }; return () => args; },
      grant: () => { const p = peer(), sealed = odd(['s', null, 'x'.repeat(5000)]); return s => ({ p_peer: p === null ? null : s.devices[p].user ?? null, p_sealed: sealed }); },
      ungrant: () => { const p = peer(); return s => ({ p_peer: p === null ? null : s.devices[p].user ?? null }); },
      beat: () => { const args = odd([{}, { p_visible: false }, { p_visible: null }, { p_more: 1 }]); return () => args; },
      mark_read: () => { const args = { p_conv: odd([...convs, 'x']), p_pos: odd([1, 2, 5, null]), p_sealed: odd(['a', null]) }; return () => args; },
      marks: () => () => ({}),
      publish: () => { const args = { p_bundle: odd([bundle, 'x', null]), p_prekeys: odd([keys.slice(0, 1 + roll(9)), [], ['x'], null]) }; return () => args; },
      lookup: () => { const name = odd([`diff-${to}-${seed.toString(36)}`, 'nobody', '', null]); return () => ({ p_username: name }); },
      claim: () => s => ({ p_device: s.devices[to].id }),
      link_begin: () => { const args = { p_code_hash: odd(['x', null, '0'.repeat(64)]) }; return () => args; },
      link_claim: () => { const args = { p_code: odd(['guess', null, 'x'.repeat(300)]), p_cert: odd([bundle, 'x', null]) }; return () => args; },
      register: () => { const args = { p_username: odd([`diff-${to % 4}-${seed.toString(36)}`, 'A', null]), p_identity_key: odd([keys[0], 'x']), p_cert: odd([bundle, 'x']), p_recovery_hash: odd(['0'.repeat(64), 'x']) }; return () => args; },
    };
    const name = odd(Object.keys(calls));
    return [i, name, calls[name]()];
  };
  for (let n = 0; n < 400; n++) {
    const [i, name, make] = cast();
    const [x, y] = await Promise.all(sides.map(async s => { const r = await s.devices[i].rpc(name, make(s)); if (name === 'ack') r.value?.deleted?.sort(); if (name === 'beat') r.value?.peers?.sort((p, q) => (s.names.get(p.user_id) < s.names.get(q.user_id) ? -1 : 1)); return { status: r.status, value: strip(r.value, s.names) }; }));
    if (x.status >= 400 && x.status === y.status && !String(x.value?.code).startsWith('kith_')) continue;         // PostgREST's own words
    assert.deepEqual(x, y, `call ${n}, ${name} by ${i}: ${JSON.stringify(make(sides[0]))}, seed ${seed}`);
  }
});
