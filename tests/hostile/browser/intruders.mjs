// SPDX-License-Identifier: LGPL-2.1-or-later
// Pages that must get nothing: every way that a browser gives a page to reach a port of this machine.

// Runs inside the page. Says for each way what the page got; "nothing" is the only good answer.
async function attempts({ api, events }) {
  const got = {};
  const late = (ms, value) => new Promise((done) => { setTimeout(done, ms, value); });
  const fetched = (path, options) => fetch(api + path, options).then(
    async (answer) => (answer.type === 'opaque' && !(await answer.text()) ? 'nothing' : `${answer.status} ${await answer.text().catch(() => '')}`),
    () => 'nothing');
  const loaded = (tag, path) => new Promise((done) => {
    const element = document.createElement(tag);
    element.onload = () => done(`${tag} loaded`);
    element.onerror = () => done('nothing');
    element[tag === 'link' ? 'href' : 'src'] = api + path;
    if (tag === 'link') element.rel = 'stylesheet';
    document.documentElement.append(element);
  });
  const json = { 'Content-Type': 'application/json' };
  const body = JSON.stringify({ to: 'bob', text: 'from an intruder' });
  got.status = await fetched('/status');
  got.identity = await fetched('/identity', { credentials: 'include' });
  got.opaque = await fetched('/status', { mode: 'no-cors' });
  got.post = await fetched('/messages', { method: 'POST', headers: json, body });
  got.simplePost = await fetched('/messages', { method: 'POST', mode: 'no-cors', headers: { 'Content-Type': 'text/plain' }, body });
  got.blobPost = await fetched('/messages', { method: 'POST', mode: 'no-cors', body: new Blob([body]) });
  got.remove = await fetched('/friends/bob', { method: 'DELETE' });
  got.xhr = await new Promise((done) => {
    const request = new XMLHttpRequest();
    request.onload = () => done(`${request.status} ${request.responseText}`);
    request.onerror = () => done('nothing');
    request.open('GET', api + '/friends');
    request.send();
  });
  for (const tag of ['img', 'script', 'link']) got[tag] = await loaded(tag, '/status');
  got.eventSource = await new Promise((done) => {
    const source = new EventSource(`${events.replace('ws:', 'http:')}`);
    source.onmessage = (e) => done(e.data);
    source.onopen = () => done('opened');
    source.onerror = () => { source.close(); done('nothing'); };
  });
  got.socket = await Promise.race([late(20000, 'hangs'), new Promise((done) => {
    const socket = new WebSocket(events);
    socket.onopen = () => socket.send(JSON.stringify({ event: 'typing', data: { to: 'bob', typing: true } }));
    socket.onmessage = (e) => done(e.data);
    socket.onclose = (e) => done(e.code === 1006 && !e.wasClean ? 'nothing' : `closed ${e.code}`);
  })]);
  try {
    navigator.sendBeacon(api + '/messages', new Blob([body], { type: 'text/plain' }));
  } catch { /* refused by the browser itself */ }
  try {
    const frame = document.createElement('iframe');
    frame.name = 'target';
    document.body.append(frame);
    const form = document.createElement('form');
    Object.assign(form, { method: 'POST', action: api + '/messages', target: 'target', enctype: 'text/plain' });
    const input = document.createElement('input');
    input.name = '{"to":"bob","text":"';
    input.value = 'from a form"}';
    form.append(input);
    document.body.append(form);
    await Promise.race([late(1500), new Promise((done) => { frame.onload = done; form.submit(); })]);
    got.form = 'nothing';
    try {
      if (frame.contentDocument && /username|msg_id/.test(frame.contentDocument.body.textContent)) got.form = 'read the answer';
    } catch { /* another origin's document, as it should be */ }
  } catch (error) {
    got.form = `nothing (${error.name})`;
  }
  return got;
}

// Everything that kithd answered to this page, as the browser saw it, whether the page could read it or not.
function listenIn(page, ports, wrong) {
  const seen = [];
  page.on('response', (answer) => {
    const port = Number(new URL(answer.url()).port);
    if (port !== ports.api && port !== ports.events) return;
    seen.push(answer.url());
    if (answer.status() < 400) wrong.push(`${answer.request().method()} ${answer.url()}: ${answer.status()}`);
    if ('access-control-allow-origin' in answer.headers()) wrong.push(`${answer.url()} may be read by the page`);
  });
  return seen;
}

function judge(got, wrong) {
  for (const [way, what] of Object.entries(got)) if (!/^nothing/.test(what)) wrong.push(`${way}: ${what.slice(0, 200)}`);
}

// sandboxed: the same from a frame without allow-same-origin, whose origin is "null".
export async function foreignPage(context, origin, ports, sandboxed = false) {
  const wrong = [];
  const before = await ports.state();
  const page = await context.newPage();
  try {
    const seen = listenIn(page, ports, wrong);
    await page.goto(origin + '/');
    let where = page.mainFrame();
    if (sandboxed) {
      await page.evaluate(() => {
        const frame = document.createElement('iframe');
        frame.sandbox = 'allow-scripts allow-forms';
        frame.srcdoc = '<!doctype html><body>sandboxed';
        document.body.append(frame);
        return new Promise((done) => { frame.onload = done; });
      });
      where = page.frames().find((frame) => frame !== page.mainFrame());
      if (await where.evaluate(() => self.origin) !== 'null') wrong.push('the frame is not sandboxed');
    }
    judge(await where.evaluate(attempts, { api: `http://127.0.0.1:${ports.api}`, events: `ws://127.0.0.1:${ports.events}/events` }), wrong);
    if (seen.length === 0) wrong.push('nothing of it reached kithd: this proves nothing');
  } catch (error) {
    wrong.push(String(error.message).split('\n')[0]);
  }
  await page.close();
  if (await ports.state() !== before) wrong.push('something changed');
  return wrong;
}

// DNS rebinding: the page came from its own server under this name and port (Chromium is given it here), and now the name
// means 127.0.0.1. To the browser, kithd's answers belong to the page's own origin: only kithd can refuse.
export async function reboundPage(context, ports) {
  const wrong = [];
  const before = await ports.state();
  const page = await context.newPage();
  const own = `http://rebound.test:${ports.api}`;
  try {
    const seen = listenIn(page, ports, wrong);
    await page.route(`${own}/lure`, (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html><body>lure' }));
    await page.goto(`${own}/lure`);
    seen.length = wrong.length = 0;   // the lure itself was no answer of kithd's
    const got = await page.evaluate(attempts, { api: own, events: `ws://rebound.test:${ports.events}/events` });
    for (const way of Object.keys(got))   // the same origin may read a refusal: 421, the error and nothing else
      if (/^421 \{"error":"[^"]*"\}$/.test(got[way])) got[way] = 'nothing but its refusal';
    judge(got, wrong);
    if (seen.length === 0) wrong.push('nothing of it reached kithd: this proves nothing');
    const answer = await page.goto(`${own}/status`);
    if (answer.status() !== 421 || /username/.test(await answer.text())) wrong.push(`opening it: ${answer.status()}`);
  } catch (error) {
    wrong.push(String(error.message).split('\n')[0]);
  }
  await page.close();
  if (await ports.state() !== before) wrong.push('something changed');
  return wrong;
}
