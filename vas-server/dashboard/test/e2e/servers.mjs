// Servers that a check may kill: VAS_BINARY names the program. One lends its built-in cameras, the other one shows them.

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Ports that are free now, all different. */
export async function freePorts(count) {
  const servers = await Promise.all(Array.from({ length: count }, () => new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => done(server));
  })));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

/** The environment without what this check is told by, which the server would take for settings of its own. */
function environment(more) {
  const names = Object.entries(process.env).filter(([name]) => !name.startsWith('VAS_'));
  return { ...Object.fromEntries(names), ...more };
}

export class Server {
  /** `cameras`: built-in ones, of a server that is there for those alone; without them it keeps what it is told. */
  static async make({ cameras = 0 } = {}) {
    const server = new Server();
    const [http, media, rtsp] = await freePorts(3);
    Object.assign(server, { cameras, http, media, rtsp, folder: await mkdtemp(join(tmpdir(), 'vas-e2e-')) });
    await server.start();
    return server;
  }

  get url() {
    return `http://127.0.0.1:${this.http}`;
  }

  async start() {
    const common = ['--http-listen', `127.0.0.1:${this.http}`, '--media-port', String(this.media), '--log-level', 'error'];
    // Built-in cameras are added at every start: each time to a folder of its own.
    const data = this.cameras > 0 ? await mkdtemp(join(this.folder, 'run-')) : this.folder;
    const own = this.cameras > 0
      ? ['demo', '--cameras', String(this.cameras), '--size', '640x360', '--rtsp-port', String(this.rtsp)]
      : ['serve'];
    this.process = spawn(process.env.VAS_BINARY, [...own, ...common, '--data-dir', data], {
      stdio: 'ignore', env: environment({ VAS_AUTH_MODE: 'open', VAS_INGEST_ALLOW_HOSTS: '127.0.0.0/8', VAS_HTTP_DASHBOARD_DIR: process.env.VAS_DASHBOARD ?? '' }),
    });
    const end = Date.now() + 60_000;
    while (Date.now() < end) {
      if (await fetch(`${this.url}/health`).then(({ ok }) => ok, () => false)) return;
      await new Promise((done) => setTimeout(done, 100));
    }
    throw new Error(`${this.url} did not start`);
  }

  /** Adds a camera and starts it. */
  async add(name, address) {
    const headers = { 'Content-Type': 'application/json', Origin: this.url };
    const body = JSON.stringify({ name, rtsp_url: address });
    const added = await fetch(`${this.url}/api/v1/devices`, { method: 'POST', headers, body });
    if (!added.ok) throw new Error(`${name}: ${added.status} ${await added.text()}`);
    const { id } = await added.json();
    const started = await fetch(`${this.url}/api/v1/devices/${id}/start-stream`, { method: 'POST', headers });
    if (!started.ok) throw new Error(`${name}: ${started.status} ${await started.text()}`);
  }

  /** Ends it as a power cut does. */
  async kill() {
    const over = new Promise((done) => this.process.once('exit', done));
    this.process.kill('SIGKILL');
    await over;
  }

  async close() {
    if (this.process.exitCode === null && this.process.signalCode === null) await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}
