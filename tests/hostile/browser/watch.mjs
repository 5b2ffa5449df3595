// SPDX-License-Identifier: LGPL-2.1-or-later
// One /events client outside of the browser: what the other side of the conversation sees.

export class Watch {
  static open(WebSocket, url) {
    return new Promise((done, failed) => {
      const watch = new Watch();
      watch.events = [];
      watch.socket = new WebSocket(url);
      watch.socket.on('open', () => done(watch));
      watch.socket.on('error', failed);
      watch.socket.on('message', (text) => watch.events.push(JSON.parse(text)));
    });
  }

  find(name, test = () => true) {
    return this.events.find((event) => event.event === name && test(event.data));
  }

  count(name) {
    return this.events.filter((event) => event.event === name).length;
  }

  async until(test, what, patience = 20000) {
    const end = Date.now() + patience;
    while (!test()) {
      if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
      await new Promise((done) => { setTimeout(done, 10); });
    }
  }

  close() {
    this.socket.close();
  }
}
