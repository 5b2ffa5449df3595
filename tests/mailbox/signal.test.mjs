// SPDX-License-Identifier: LGPL-2.1-or-later
// /signal of the relay with a small client of both generations, and what only the relay has: invitations, its disk cap, its end.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import WebSocket from 'ws';
import { Device, letter, newDevice, startRelay, uuid } from './backends.mjs';

class Peer {
  constructor(back, generation = 2, pair = crypto.generateKeyPairSync('ed25519')) {
    Object.assign(this, { back, generation, pair, frames: [], wake: () => {} });
    this.key = pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64');
  }

  async open() {
    this.ws = new WebSocket(`${this.back.url.replace('http', 'ws')}/signal`);
    this.closed = new Promise(done => this.ws.on('close', done));
    this.ws.on('message', raw => { this.frames.push(JSON.parse(raw)); this.wake(); });
    this.challenge = Buffer.from((await this.next('auth_challenge')).challenge, 'base64');
    assert.equal(this.challenge.length, 32);
    return this;
  }

  async enter(host = new URL(this.back.url).hostname) {
    await this.open();
    const said = this.generation === 2 ? Buffer.concat([Buffer.from(`kith/signal/1 auth${host}`), this.challenge]) : this.challenge;
    this.say({ type: 'auth_response', public_key: this.key, signature: crypto.sign(null, said, this.pair.privateKey).toString('base64'), ...(this.generation === 2 ? { v: 2 } : {}) });
    await this.next('auth_success', 'auth_failure').then(f => assert.equal(f.type, 'auth_success'));
    return this;
  }

  say(frame) { this.ws.send(typeof frame === 'string' ? frame : JSON.stringify(frame)); }

  async next(...types) {
    for (let i = 0; i < 200; i++) {
      const at = this.frames.findIndex(f => types.includes(f.type));
      if (at >= 0) return this.frames.splice(at, 1)[0];
      await Promise.race([new Promise(done => { this.wake = done; }), new Promise(done => setTimeout(done, 50))]);
    }
    throw new Error(`no ${types} but ${JSON.stringify(this.frames)}`);
  }

  async quiet() { this.say({ type: 'nonsense' }); await this.next('error'); assert.deepEqual(this.frames, []); }
}

test('signal: who is who, presence to those who both want it, relaying, both generations', { timeout: 60000 }, async () => {
  const back = await startRelay();
  try {
    const a = await new Peer(back).enter(), b = await new Peer(back).enter(), old = await new Peer(back, 1).enter();
    a.say({ type: 'presence', status: 'online' });
    b.say({ type: 'watch', public_keys: [a.key] });
    await b.quiet();
    b.say({ type: 'p2p_offer', target: a.key, sealed: 'x' });
    assert.deepEqual(await b.next('error'), { type: 'error', error: 'target_offline', target: a.key }, 'not watched: as if it were not there');
    a.say({ type: 'watch', public_keys: [b.key, old.key] });
    assert.deepEqual(await b.next('presence'), { type: 'presence', public_key: a.key, status: 'online' });
    assert.equal((await a.next('presence')).status, 'offline');
    a.say({ type: 'presence', status: 'invisible' });
    assert.equal((await b.next('presence')).status, 'offline', 'invisible is told to nobody');
    b.say({ type: 'p2p_offer', target: a.key, sealed: 'x', more: 1 });
    assert.deepEqual(await a.next('p2p_offer'), { type: 'p2p_offer', sealed: 'x', more: 1, from: b.key });
    old.say({ type: 'watch', public_keys: [a.key] });
    assert.deepEqual(await old.next('presence_update'), { type: 'presence_update', public_key: a.key, status: 'offline' });
    assert.equal((await a.next('presence')).status, 'online', 'a first-generation client is online once it is in');
    old.say({ type: 'p2p_candidate', target: a.key, candidate: 'c' });
    assert.equal((await a.next('p2p_candidate')).from, old.key);
    for (const bad of ['{', '[]', '{"type":5}', { type: 'watch', public_keys: 5 }, { type: 'presence', status: 'asleep' }, { type: 'p2p_offer' }]) {
      b.say(bad);
      assert.equal((await b.next('error')).error, 'bad_message');
    }
    const twin = await new Peer(back, 2, a.pair).enter();
    assert.equal(await a.closed, 4409);
    twin.ws.close();
    assert.equal((await b.next('presence')).status, 'offline');
    for (let i = 0; i < 200; i++) b.say({ type: 'watch', public_keys: [] });
    assert.equal((await b.next('error')).error, 'rate_limited');
  } finally {
    await back.stop();
  }
});

test('signal: nobody comes in with another\'s signature', { timeout: 60000 }, async () => {
  const back = await startRelay();
  try {
    await assert.rejects(new Peer(back).enter('evil.example'));
    const first = await new Peer(back).open();
    first.say({ type: 'presence', status: 'online' });
    assert.equal((await first.next('auth_failure')).type, 'auth_failure');
    assert.equal(await first.closed, 4401);
    const silent = await new Peer(back).open();
    assert.equal(await silent.closed, 4401, 'ten seconds');
  } finally {
    await back.stop();
  }
});

test('relay: files are private, invitations, the disk cap, what lasts over a restart, a clean end', { timeout: 60000 }, async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'kith-invite-')), word = path.join(folder, 'word');
  fs.writeFileSync(word, 'come-in-please\n');
  const back = await startRelay(['--invite', word, '--disk-cap', '1']);
  try {
    for (const name of ['relay-tokens.key', 'relay-api.key', 'relay.key', 'relay.db']) assert.equal(fs.statSync(path.join(back.folder, name)).mode & 0o777, 0o600, name);
    assert.ok(!fs.readFileSync(path.join(back.folder, 'relay.db')).includes('SQLite format'), 'encrypted');
    assert.ok(back.key.endsWith('.come-in-please'));
    const plain = { ...back, key: back.key.split('.')[0] };
    await assert.rejects(new Device(plain).signUp(), /422/);
    const a = await newDevice(back), b = await newDevice(back);
    a.back = plain;
    await b.rpc('grant', { p_peer: a.user });
    let got;
    for (let i = 0; i < 60; i++) { got = await a.rpc('send', { p_messages: [letter(b, 60000)] }); if (got.status !== 200) break; }
    assert.deepEqual([got.status, got.code, got.retry], [507, 'kith_relay_full', '300']);
    assert.ok((await b.rpc('fetch', { p_consumer: uuid() })).value.messages.length > 5);
    assert.equal((await a.call('GET', '/auth/v1/user')).status, 200);
    const preflight = await fetch(`${back.url}/rest/v1/rpc/kith_send`, { method: 'OPTIONS', headers: { origin: 'https://page.example', 'access-control-request-method': 'POST', 'access-control-request-headers': 'apikey' } });
    assert.deepEqual([preflight.status, preflight.headers.get('access-control-allow-origin'), preflight.headers.get('access-control-allow-headers').includes('apikey')], [204, 'https://page.example', true]);
  } finally {
    assert.equal(await back.stop(), 0);
    fs.rmSync(folder, { recursive: true });
  }
});
