// SPDX-License-Identifier: LGPL-2.1-or-later
// Pages in a real Chromium in front of a real kithd. One argument: a JSON object
//   {modules, chromium, profile, cert, key, api, events, bobApi, bobEvents}
// Prints one JSON line for each case: {"case", "wrong": [what was not as it must be], "note"}.
import { createRequire } from 'node:module';
import http from 'node:http';
import https from 'node:https';
import fs from 'node:fs';
import { Watch } from './watch.mjs';
import { foreignPage, reboundPage } from './intruders.mjs';

const setup = JSON.parse(process.argv[2]);
const load = createRequire(setup.modules + '/');
const { chromium } = load('playwright-core');
const WebSocket = load('ws');

const API = `http://127.0.0.1:${setup.api}`;
const EVENTS = `ws://127.0.0.1:${setup.events}/events`;
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--ignore-certificate-errors', '--no-proxy-server',
  '--disable-features=LocalNetworkAccessChecks'];   // newer browsers' own guard, which the older ones in use do not have

function listen(server, port, host) {
  return new Promise((done, failed) => {
    server.once('error', failed);
    server.listen(port, host, () => done(server.address().port));
  });
}

function blank(request, response) {
  response.writeHead(200, { 'Content-Type': 'text/html' });
  response.end('<!doctype html><title>A page</title>');
}

// Where the pages come from. Port 1420 belongs to the two origins that name it; where somebody has it, Chromium is told to look
// for it on another port, which changes nothing of the origin.
async function servePages() {
  const any = await listen(http.createServer(blank), 0, '127.0.0.1');
  const tls = await listen(https.createServer({ cert: fs.readFileSync(setup.cert), key: fs.readFileSync(setup.key) }, blank), 0, '127.0.0.1');
  const rules = [`MAP tauri.localhost:80 127.0.0.1:${any}`, `MAP tauri.localhost:443 127.0.0.1:${tls}`,
    `MAP foreign.test:80 127.0.0.1:${any}`, `MAP foreign.test:443 127.0.0.1:${tls}`, 'MAP rebound.test 127.0.0.1'];
  let note = 'port 1420 itself';
  try {
    await listen(http.createServer(blank), 1420, '127.0.0.1');
    await listen(http.createServer(blank), 1420, '::1').catch(() => 0);   // localhost may mean ::1, where there is IPv6
  } catch {
    note = `port 1420 was taken: mapped to ${any}`;
    rules.push(`MAP localhost:1420 127.0.0.1:${any}`, `MAP 127.0.0.1:1420 127.0.0.1:${any}`);
  }
  return { any, rules, note };
}

async function call(port, method, path, body) {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    method, body: body && JSON.stringify(body), headers: body ? { 'Content-Type': 'application/json' } : {},
  });
  return answer.json();
}

const texts = async (port, peer) => (await call(port, 'GET', `/messages?peer=${peer}&limit=500`)).messages.map((m) => m.text);

function report(name, wrong, note = '') {
  console.log(JSON.stringify({ case: name, wrong, note }));
}

// --- a page of an allowed origin: what the frontend and the guide's section 5 do

// The guide's own code (section 5.7), but for the ports, the friend's name and what it does with what it receives.
const GUIDE = `(name, url) => {
  window[name] = [];
  const ws = new WebSocket(url);
  ws.onmessage = (e) => window[name].push(JSON.parse(e.data));
  ws.onopen = () => {
    window[name + "Open"] = true;
    // Send a typing event
    ws.send(JSON.stringify({
        event: "typing",
        data: { to: "bob", typing: true }
    }));
  };
  ws.onclose = () => { window[name + "Closed"] = true; };
  window[name + "Socket"] = ws;
}`;

const sees = (page, name, test) => page.waitForFunction(`window.${name}.some(${test})`, null, { timeout: 20000, polling: 10 });

async function useApi(page, origin, wrong) {
  const got = await page.evaluate(async (api) => {
    const answer = await fetch(api + '/status');
    return { origin: location.origin, status: answer.status, body: await answer.json() };
  }, API);
  if (got.origin !== origin) wrong.push(`the page's origin is ${got.origin}`);
  if (got.status !== 200 || got.body.username !== 'alice') wrong.push(`GET /status: ${JSON.stringify(got).slice(0, 200)}`);
  const posted = await page.evaluate(async ([api, text]) => {
    const answer = await fetch(api + '/messages', {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ to: 'bob', text }),
    });
    return { status: answer.status, body: await answer.json() };
  }, [API, `from ${origin}`]);
  if (![200, 202].includes(posted.status) || !posted.body.msg_id) wrong.push(`POST /messages: ${JSON.stringify(posted)}`);
}

async function useEvents(page, origin, bob, wrong) {
  const typed = bob.count('typing');
  for (const name of ['one', 'two']) {
    await page.evaluate(`(${GUIDE})(${JSON.stringify(name)}, ${JSON.stringify(EVENTS)})`);
    await page.waitForFunction(`window.${name}Open`, null, { timeout: 20000, polling: 10 });
  }
  await bob.until(() => bob.count('typing') > typed, `typing from ${origin}`).catch((error) => wrong.push(error.message));
  const text = `to ${origin}`;
  await call(setup.bobApi, 'POST', '/messages', { to: 'alice', text });
  for (const name of ['one', 'two']) await sees(page, name, `(e) => e.event === 'new_message' && e.data.text === ${JSON.stringify(text)}`);
  const id = await page.evaluate((wanted) => window.one.find((e) => e.data.text === wanted).data.msg_id, text);
  await page.evaluate((read) => window.oneSocket.send(JSON.stringify({ event: 'mark_read', data: { peer: 'bob', msg_id: read } })), id);
  await bob.until(() => bob.find('message_read', (data) => data.msg_id === id), `mark_read from ${origin}`)
    .catch((error) => wrong.push(error.message));
  for (const name of ['one', 'two']) await sees(page, name, "(e) => e.event === 'unread' && e.data.count === 0");
  const bad = await page.evaluate(() => [...window.one, ...window.two].filter((e) => e.event === 'error'));
  if (bad.length) wrong.push(`errors: ${JSON.stringify(bad)}`);
  if (await page.evaluate(() => window.oneClosed || window.twoClosed)) wrong.push('a WebSocket was closed');
}

async function allowedPage(context, origin, bob) {
  const wrong = [];
  const page = await context.newPage();
  try {
    await page.goto(origin + '/');
    await useApi(page, origin, wrong);
    await useEvents(page, origin, bob, wrong);
    if (!(await texts(setup.bobApi, 'alice')).includes(`from ${origin}`)) wrong.push('bob did not get its message');
  } catch (error) {
    wrong.push(String(error.message).split('\n')[0]);
  }
  await page.close();
  return wrong;
}

// --- tauri://localhost: no Chromium can load such a page, the scheme belongs to WebKitGTK's and WKWebView's Tauri. What they send is
// known: this Origin. So it is sent as it is, with fetch's preflight by hand and the WebSocket by `ws`.

function raw(method, path, headers, body) {
  return new Promise((done, failed) => {
    const request = http.request(`${API}${path}`, { method, headers }, (answer) => {
      let text = '';
      answer.on('data', (part) => { text += part; });
      answer.on('end', () => done({ status: answer.statusCode, headers: answer.headers, text }));
    });
    request.on('error', failed);
    request.end(body);
  });
}

function knock(origin, url = EVENTS) {
  return new Promise((done) => {
    const socket = new WebSocket(url, origin ? { origin } : {});
    socket.on('open', () => { socket.send(JSON.stringify({ event: 'typing', data: { to: 'bob', typing: false } })); socket.close(); });
    socket.on('close', () => done('opened'));
    socket.on('unexpected-response', (_, answer) => { answer.destroy(); done(`refused ${answer.statusCode}`); });
    socket.on('error', (error) => done(`error ${error.message}`));
  });
}

async function rawOrigin(origin) {
  const wrong = [];
  const json = { Origin: origin, 'Content-Type': 'application/json' };
  const preflight = await raw('OPTIONS', '/messages', { Origin: origin, 'Access-Control-Request-Method': 'POST',
    'Access-Control-Request-Headers': 'content-type' });
  const status = await raw('GET', '/status', { Origin: origin });
  const post = await raw('POST', '/messages', json, JSON.stringify({ to: 'bob', text: `from ${origin}` }));
  const socket = await knock(origin);
  if (preflight.status !== 204 || preflight.headers['access-control-allow-origin'] !== origin) wrong.push(`preflight ${preflight.status}`);
  if (status.status !== 200 || status.headers['access-control-allow-origin'] !== origin) wrong.push(`GET /status ${status.status}`);
  if (![200, 202].includes(post.status)) wrong.push(`POST /messages ${post.status} ${post.text}`);
  if (socket !== 'opened') wrong.push(`/events ${socket}`);
  return wrong;
}

async function rawForeign() {
  const wrong = [];
  for (const origin of ['null', 'file://', 'tauri://localhost.evil.test', 'http://localhost:14200', 'https://localhost:1420', 'HTTP://localhost:1420']) {
    const status = await raw('GET', '/status', { Origin: origin });
    const socket = await knock(origin);
    if (status.status !== 403 || 'access-control-allow-origin' in status.headers || Object.keys(JSON.parse(status.text)).join() !== 'error')
      wrong.push(`GET /status from ${origin}: ${status.status} ${status.text}`);
    if (socket !== 'refused 403') wrong.push(`/events from ${origin}: ${socket}`);
  }
  return wrong;
}

// What must be as it was after each intruder.
async function state() {
  const [friends, toBob, requests, peer] = await Promise.all([call(setup.api, 'GET', '/friends'), texts(setup.api, 'bob'),
    call(setup.api, 'GET', '/friends/requests').catch(() => null), texts(setup.bobApi, 'alice')]);
  return JSON.stringify([friends.map((friend) => friend.username), toBob, requests, peer]);
}

async function main() {
  const { any, rules, note } = await servePages();
  const context = await chromium.launchPersistentContext(setup.profile, {
    executablePath: setup.chromium, headless: true, ignoreHTTPSErrors: true,
    args: [...FLAGS, `--host-resolver-rules=${rules.join(', ')}`],
  });
  const bob = await Watch.open(WebSocket, `ws://127.0.0.1:${setup.bobEvents}/events`);
  try {
    for (const origin of ['http://localhost:1420', 'http://127.0.0.1:1420', 'http://tauri.localhost', 'https://tauri.localhost'])
      report(origin, await allowedPage(context, origin, bob), origin.endsWith('1420') ? note : '');
    report('tauri://localhost', await rawOrigin('tauri://localhost'), 'by its Origin header: Chromium has no such scheme');
    report('address bar', await (async () => {
      const page = await context.newPage();
      const answer = await page.goto(`${API}/status`);
      await page.close();
      return answer.status() === 200 ? [] : [`answered ${answer.status()}`];
    })());
    const typed = bob.count('typing');
    const ports = { api: setup.api, events: setup.events, state };
    for (const origin of ['http://foreign.test', 'https://foreign.test', `http://localhost:${any}`, `http://127.0.0.1:${any}`])
      report(origin.replace(`:${any}`, ':other'), await foreignPage(context, origin, ports));
    report('sandboxed frame', await foreignPage(context, 'http://localhost:1420', ports, true));
    report('foreign origins, raw', await rawForeign());
    report('rebound host name', await reboundPage(context, ports));
    report('no event of theirs', bob.count('typing') === typed ? [] : ['bob saw typing']);
  } finally {
    bob.close();
    await context.close();
  }
}

main().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
