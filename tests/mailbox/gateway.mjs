// SPDX-License-Identifier: LGPL-2.1-or-later
// What a Supabase project puts before its database, as far as the mailbox needs it: the API key, the anonymous part of
// the auth service, PostgREST under /rest/v1, and doorbells. For tests: POST /__test/fault {path, times, status?, body?,
// headers?, drop?, after?} makes the next calls of a path fail, before or after they were carried out.
import crypto from 'node:crypto';
import http from 'node:http';
import { WebSocketServer } from 'ws';

const TTL_S = 3600;
const seconds = () => Math.floor(Date.now() / 1000);
const b64 = value => Buffer.from(value).toString('base64url');

export class Gateway {
  constructor({ pool, rest, secret, key }) {
    Object.assign(this, { pool, rest, secret, key, sessions: new Map(), tokens: new Map(), faults: [], channels: new Set(), seen: new Map() });
    this.server = http.createServer((req, res) => this.take(req, res));
    this.sockets = new WebSocketServer({ noServer: true, maxPayload: 65536 });
    this.server.on('upgrade', (req, socket, head) => {
      const url = new URL(req.url, 'http://x');
      if (url.pathname !== '/realtime/v1/websocket' || url.searchParams.get('apikey') !== this.key) return socket.end('HTTP/1.1 401 No\r\nconnection: close\r\n\r\n');
      this.sockets.handleUpgrade(req, socket, head, ws => this.channel(ws, url.searchParams.get('vsn') ?? '1.0.0'));
    });
  }

  async start(port) {
    await new Promise(done => this.server.listen(port, '127.0.0.1', done));
    this.timer = setInterval(() => this.look().catch(() => {}), 50);
  }

  stop() {
    clearInterval(this.timer);
    for (const ws of this.sockets.clients) ws.terminate();
    this.server.closeAllConnections();
    return new Promise(done => this.server.close(done));
  }

  sign(claims) {
    const said = `${b64('{"alg":"HS256","typ":"JWT"}')}.${b64(JSON.stringify(claims))}`;
    return `${said}.${crypto.createHmac('sha256', this.secret).update(said).digest('base64url')}`;
  }

  verify(token) {
    try {
      const [head, claims, mac] = token.split('.');
      if (crypto.createHmac('sha256', this.secret).update(`${head}.${claims}`).digest('base64url') !== mac) return null;
      const said = JSON.parse(Buffer.from(claims, 'base64url'));
      return said.exp > seconds() ? said : null;
    } catch {
      return null;
    }
  }

  send(res, status, value, headers = {}) {
    const body = typeof value === 'string' ? value : JSON.stringify(value);
    res.writeHead(status, { 'content-type': 'application/json', ...headers });
    res.end(status === 204 ? undefined : body);
  }

  async take(req, res) {
    try {
      const parts = [];
      for await (const part of req) parts.push(part);
      const body = Buffer.concat(parts).toString();
      const url = new URL(req.url, 'http://x');
      if (url.pathname === '/__test/fault') { this.faults.push(JSON.parse(body)); return this.send(res, 204, ''); }
      const fault = this.faults.find(f => f.times > 0 && url.pathname.startsWith(f.path));
      if (fault) {
        fault.times--;
        if (fault.after) await this.pass(req, url, body, null);
        if (fault.after || fault.drop) return req.socket.destroy();
        return this.send(res, fault.status, fault.body ?? '', fault.headers);
      }
      if ((req.headers.apikey ?? url.searchParams.get('apikey')) !== this.key) return this.send(res, 401, { message: 'Invalid API key' });
      if (url.pathname.startsWith('/auth/v1/')) return await this.auth(req, res, url, body);
      if (url.pathname.startsWith('/rest/v1/')) return await this.pass(req, url, body, res);
      return this.send(res, 404, { message: 'no Route matched with those values' });
    } catch (error) {
      if (!res.headersSent) this.send(res, 500, { message: String(error) });
    }
  }

  pass(req, url, body, res) {
    const headers = { ...req.headers };
    for (const name of ['host', 'apikey', 'content-length', 'transfer-encoding', 'connection']) delete headers[name];
    if ((headers.authorization ?? '').startsWith('Bearer sb_')) delete headers.authorization;   // an opaque key is no token: anon
    return new Promise((done, failed) => {
      const out = http.request({ host: '127.0.0.1', port: this.rest, method: req.method, path: url.pathname.slice(8) + url.search, headers }, answer => {
        const parts = [];
        answer.on('data', part => parts.push(part));
        answer.on('end', () => {
          const kept = { ...answer.headers };
          delete kept['transfer-encoding'];
          if (res) { res.writeHead(answer.statusCode, kept); res.end(Buffer.concat(parts)); }
          done();
        });
      });
      out.on('error', failed);
      out.end(body);
    });
  }

  // ---- sessions
  grant(session) {
    const token = crypto.randomBytes(12).toString('base64url');
    this.tokens.set(token, { session: session.id, used: 0 });
    session.last = token;
    const claims = { sub: session.user.id, aud: 'authenticated', role: 'authenticated', exp: seconds() + TTL_S, iat: seconds(), session_id: session.id, is_anonymous: true };
    return { access_token: this.sign(claims), token_type: 'bearer', expires_in: TTL_S, expires_at: claims.exp, refresh_token: token, user: session.user };
  }

  async auth(req, res, url, body) {
    const path = url.pathname.slice(8);
    const no = (status, code, text) => ((req.headers['x-supabase-api-version'] ?? '') >= '2024-01-01'
      ? this.send(res, status, { code, message: text }, { 'x-supabase-api-version': '2024-01-01' })
      : this.send(res, status, { code: status, error_code: code, msg: text }));
    if (req.method === 'GET' && path === '/settings') return this.send(res, 200, { external: { anonymous_users: true }, disable_signup: false });
    if (req.method === 'POST' && path === '/signup') {
      const user = { id: crypto.randomUUID(), aud: 'authenticated', role: 'authenticated', email: '', phone: '', app_metadata: {}, user_metadata: {}, identities: [], created_at: new Date().toISOString(), is_anonymous: true };
      await this.pool.query('insert into auth.users (id) values ($1)', [user.id]);
      const session = { id: crypto.randomUUID(), user };
      this.sessions.set(session.id, session);
      return this.send(res, 200, this.grant(session));
    }
    if (req.method === 'POST' && path === '/token') {
      const old = this.tokens.get(JSON.parse(body || '{}').refresh_token);
      const session = old && this.sessions.get(old.session);
      if (!session) return no(400, old ? 'session_not_found' : 'refresh_token_not_found', 'Invalid Refresh Token');
      if (old.used && seconds() - old.used > 10 && old.next !== session.last) {
        this.sessions.delete(session.id);
        return no(400, 'refresh_token_already_used', 'Invalid Refresh Token: Already Used');
      }
      const answer = this.grant(session);
      Object.assign(old, { used: old.used || seconds(), next: answer.refresh_token });
      return this.send(res, 200, answer);
    }
    const bearer = /^Bearer (.+)$/.exec(req.headers.authorization ?? '')?.[1];
    const claims = bearer && this.verify(bearer);
    if (!claims) return no(bearer ? 403 : 401, bearer ? 'bad_jwt' : 'no_authorization', 'a valid Bearer token is needed');
    const session = this.sessions.get(claims.session_id);
    if (!session) return no(403, 'session_not_found', 'the session does not exist');
    if (req.method === 'GET' && path === '/user') return this.send(res, 200, session.user);
    if (req.method === 'POST' && path === '/logout') { this.sessions.delete(session.id); return this.send(res, 204, ''); }
    return no(404, 'not_found', 'no such path');
  }

  // ---- doorbells
  channel(ws, vsn) {
    const arrays = vsn.startsWith('2');
    const put = (join_ref, ref, topic, event, payload) => ws.send(JSON.stringify(arrays ? [join_ref, ref, topic, event, payload] : { join_ref, ref, topic, event, payload }));
    const joined = new Map();
    const subscribed = (topic, state) => setTimeout(() => {
      if (joined.get(topic) !== state || ws.readyState !== 1) return;
      state.live = true;
      put(state.ref, null, topic, 'system', { extension: 'postgres_changes', status: 'ok', message: 'Subscribed to PostgreSQL', channel: topic.slice(9) });
    }, 150);
    ws.on('close', () => { for (const state of joined.values()) this.channels.delete(state); });
    ws.on('message', raw => {
      const m = JSON.parse(raw);
      const [join_ref, ref, topic, event, payload] = arrays ? m : [m.join_ref, m.ref, m.topic, m.event, m.payload];
      const reply = (status, response) => put(join_ref ?? null, ref, topic, 'phx_reply', { status, response });
      if (topic === 'phoenix') return reply('ok', {});
      const claims = ['phx_join', 'access_token'].includes(event) ? this.verify(payload.access_token ?? '') : null;
      if (event === 'phx_join') {
        if (!claims) return reply('error', { reason: 'InvalidJWTToken' });
        const changes = (payload.config?.postgres_changes ?? []).map((c, i) => ({ ...c, id: i + 1 }));
        const state = { ref: join_ref, claims, changes, ring: data => put(null, null, topic, 'postgres_changes', { ids: changes.map(c => c.id), data }) };
        joined.set(topic, state);
        this.channels.add(state);
        reply('ok', { postgres_changes: changes });
        return subscribed(topic, state);
      }
      const state = joined.get(topic);
      if (!state) return reply('error', { reason: 'unmatched topic' });
      if (event === 'access_token' && claims) { state.claims = claims; return subscribed(topic, state); }
      joined.delete(topic);
      this.channels.delete(state);
      return put(join_ref, join_ref, topic, 'phx_close', {});
    });
  }

  async look() {
    for (const row of (await this.pool.query('select device, seq::int from public.bells')).rows) {
      const old = this.seen.get(row.device) ?? 0;
      this.seen.set(row.device, row.seq);
      if (old === row.seq) continue;
      for (const state of this.channels)
        if (state.live && state.claims.sub === row.device && state.changes.some(c => c.table === 'bells' && (!c.filter || c.filter === `device=eq.${row.device}`)))
          state.ring({ schema: 'public', table: 'bells', commit_timestamp: new Date().toISOString(), type: 'UPDATE', columns: [{ name: 'device', type: 'uuid' }, { name: 'seq', type: 'int8' }], record: row, old_record: { device: row.device }, errors: null });
    }
  }
}
