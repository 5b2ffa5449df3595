// SPDX-License-Identifier: LGPL-2.1-or-later
// Figures of the relay: KITH_BUILD=_build node tests/bench/relay.mjs (after `npm ci` in tests/mailbox). Loopback, one client process.
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import { letter, newDevice, startRelay, uuid } from '../mailbox/backends.mjs';

const WebSocket = createRequire(new URL('../mailbox/', import.meta.url))('ws');
const back = await startRelay();
const rss = () => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${back.pid}/status`, 'utf8'))[1]) / 1024;
const line = (what, value) => console.log(`${what.padEnd(44)} ${value}`);
const timed = async (n, work) => { const t = performance.now(); await Promise.all(Array.from({ length: n }, (_, i) => work(i))); return (performance.now() - t) / 1000; };
try {
  const boxes = await Promise.all(Array.from({ length: 60 }, () => newDevice(back)));
  const size = () => ['', '-wal'].reduce((sum, end) => { try { return sum + fs.statSync(path.join(back.folder, `relay.db${end}`)).size; } catch { return sum; } }, 0);
  const before = rss(), held = size();
  for (const [k, b] of boxes.entries()) await b.rpc('grant', { p_peer: boxes[(k + 1) % boxes.length].user });
  let t = await timed(boxes.length, async i => { for (let k = 0; k < 10; k++) await boxes[i].rpc('send', { p_messages: [letter(boxes[(i + 59) % 60], 700)] }); });
  line('kith_send, one message a call, 60 senders', `${Math.round(600 / t)} calls/s`);
  t = await timed(boxes.length, i => boxes[i].rpc('send', { p_messages: Array.from({ length: 50 }, () => letter(boxes[(i + 59) % 60], 700)) }));
  line('kith_send, 50 messages a call', `${Math.round(3000 / t)} messages/s`);
  t = await timed(boxes.length, async i => { const me = uuid(); for (let k = 0; k < 5; k++) await boxes[i].rpc('fetch', { p_consumer: me }); });
  line('kith_fetch, 25 messages a call', `${Math.round(300 / t)} calls/s`);
  line('messages of 700 bytes in 1 GiB (60 mailboxes)', `${Math.round(2 ** 30 / ((size() - held) / 3600))}`);
  const sockets = [];
  for (let i = 0; i < 1000; i++) {
    const ws = new WebSocket(`${back.url.replace('http', 'ws')}/realtime/v1/websocket?apikey=${back.key}&vsn=2.0.0`);
    sockets.push(ws);
    await new Promise((done, failed) => ws.once('open', done).once('error', failed));
  }
  line('RSS with 60 mailboxes / 1,000 WebSockets', `${before.toFixed(1)} / ${rss().toFixed(1)} MiB`);
  for (const ws of sockets) ws.terminate();
} finally {
  await back.stop();
}
