// A network path that can be cut: the server's UDP candidate is replaced, in what the page is told, by a relay in this
// process. TCP candidates are left out, so that there is no other way round.

import { createSocket } from 'node:dgram';

const CANDIDATE = /^a=candidate:(\S+) (\d+) (udp|tcp) (\d+) (\S+) (\d+)(.*)$/gim;

/** Relays datagrams between browsers and the server, until it is told not to. */
export class MediaPath {
  #front = createSocket('udp4');
  #backs = new Map();
  #server = null;
  cut = false;

  async start() {
    await new Promise((done) => this.#front.bind(0, '127.0.0.1', done));
    this.#front.on('message', (datagram, { port }) => {
      if (this.cut || !this.#server) return;
      let back = this.#backs.get(port);
      if (!back) {
        back = createSocket('udp4');
        back.on('message', (answer) => this.cut || this.#front.send(answer, port, '127.0.0.1'));
        back.on('error', () => {});
        this.#backs.set(port, back);
      }
      back.send(datagram, this.#server.port, this.#server.address);
    });
    this.#front.on('error', () => {});
  }

  /** Puts the path between a page and its server. */
  async through(page) {
    await page.route('**/whep', async (route) => {
      if (route.request().method() !== 'POST') return route.continue();
      const response = await route.fetch().catch(() => null);
      if (!response) return route.abort('connectionrefused');
      await route.fulfill({ response, body: this.#rewritten(await response.text()) });
    });
    await page.route('**/whep/*', async (route) => {
      if (route.request().method() !== 'PATCH') return route.continue();
      const response = await route.fetch().catch(() => null);
      if (!response) return route.abort('connectionrefused');
      await route.fulfill({ response, body: this.#rewritten(await response.text()) });
    });
  }

  #rewritten(sdp) {
    let first = true;
    return sdp.replace(CANDIDATE, (line, foundation, component, protocol, priority, address, port) => {
      const usable = protocol.toLowerCase() === 'udp' && address.includes('.') && first;
      if (!usable) return 'a=x-left-out';
      first = false;
      this.#server = { address: '127.0.0.1', port: Number(port) };
      return `a=candidate:${foundation} ${component} udp ${priority} 127.0.0.1 ${this.#front.address().port} typ host`;
    });
  }

  close() {
    this.#front.close();
    for (const back of this.#backs.values()) back.close();
  }
}
