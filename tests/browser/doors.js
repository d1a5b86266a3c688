// Viewers by the doors beside WHEP, for tests/it/doors: mediasoup-client over HTTP and over a WebSocket, and a plain
// RTCPeerConnection over a WebSocket. Bundled with esbuild and evaluated in a page of the server's own origin, it
// defines window.doors.

import { Device } from 'mediasoup-client';

/** A track on the page, with what the browser knows of it. */
class Shown {
  constructor(track, getStats) {
    this.track = track;
    this.getStats = getStats;
    this.element = document.createElement(track.kind);
    Object.assign(this.element, { muted: true, autoplay: true, playsInline: true });
    this.element.srcObject = new MediaStream([track]);
    document.body.append(this.element);
    this.canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  }

  /** The inbound-rtp statistics of the track, with its codec. */
  async stats() {
    const report = await this.getStats();
    for (const entry of report.values()) {
      if (entry.type === 'inbound-rtp' && entry.trackIdentifier === this.track.id) {
        return { ...entry, codec: report.get(entry.codecId)?.mimeType ?? null };
      }
    }
    return {};
  }

  /** The picture now showing as rows of brightness, 16 x 9; null before the first one. */
  luma() {
    const { videoWidth } = this.element;
    if (!videoWidth) return null;
    this.canvas.drawImage(this.element, 0, 0, 16, 9);
    const { data } = this.canvas.getImageData(0, 0, 16, 9);
    return Array.from({ length: 144 }, (_, i) => data[4 * i + 1]);
  }

  /** What the test asks again and again. */
  async look() {
    const { framesDecoded = 0, packetsReceived = 0, codec = null, ...rest } = await this.stats();
    return { framesDecoded, packetsReceived, codec, luma: this.luma(), loss: rest.packetsLost ?? 0 };
  }
}

/** mediasoup-client over the HTTP calls. Everything goes over the one transport that the first call makes. */
class HttpDoor {
  constructor(root) {
    this.root = root;
    this.shown = [];
    this.consumers = [];
  }

  async call(method, path, body) {
    const headers = body ? { 'Content-Type': 'application/json' } : {};
    const response = await fetch(this.root + path, { method, headers, body: body && JSON.stringify(body) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : null;
  }

  /** Watches a stream's video or sound; gives the place of what is shown. */
  async watch(stream, kind = 'video') {
    if (!this.device) {
      const answer = await this.call('GET', `v2/streams/${stream}/router-capabilities`);
      this.device = new Device();
      await this.device.load({ routerRtpCapabilities: answer.rtp_capabilities });
    }
    const answer = await this.call('POST', `v2/streams/${stream}/consume`, {
      client_id: 'doors-test',
      kind,
      rtp_capabilities: this.device.recvRtpCapabilities,
      transport_id: this.transport?.id,
    });
    const path = `v2/streams/${stream}/consumers/${answer.consumer_id}`;
    if (!this.transport) {
      const { id, ice_parameters, ice_candidates, dtls_parameters } = answer.transport;
      this.transport = this.device.createRecvTransport({
        id,
        iceParameters: ice_parameters,
        iceCandidates: ice_candidates,
        dtlsParameters: dtls_parameters,
      });
      this.transport.on('connect', ({ dtlsParameters }, done, failed) => {
        this.call('POST', `${path}/connect`, { dtls_parameters: dtlsParameters }).then(done, failed);
      });
    }
    const consumer = await this.transport.consume({
      id: answer.consumer_id,
      producerId: answer.producer_id,
      kind: answer.kind,
      rtpParameters: answer.rtp_parameters,
    });
    await this.call('POST', `${path}/ice-candidate`, { candidate: null });
    this.consumers.push(consumer);
    return this.shown.push(new Shown(consumer.track, () => consumer.getStats())) - 1;
  }

  state() {
    return this.transport.connectionState;
  }

  end(place) {
    const { id } = this.consumers[place];
    this.consumers[place].close();
    return this.call('DELETE', `v2/consumers/${id}`);
  }
}

/** Requests and answers over a WebSocket, and what the server tells by itself. */
class Signalling {
  constructor(root, stream) {
    this.events = [];
    this.waiting = new Map();
    this.last = 0;
    this.closed = null;
    this.socket = new WebSocket(`${root.replace(/^http/, 'ws')}ws/signaling/${stream}`);
    this.socket.onmessage = ({ data }) => this.#take(JSON.parse(data));
    this.socket.onclose = ({ code }) => (this.closed = code);
    this.opened = new Promise((opened, failed) => {
      this.socket.onopen = opened;
      this.socket.onerror = () => failed(new Error('the socket was refused'));
    });
  }

  #take(message) {
    const waiting = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    if (!waiting) this.events.push(message);
    else if (message.ok && message.type === waiting.type) waiting.done(message.payload);
    else waiting.failed(new Error(JSON.stringify(message)));
  }

  async request(type, payload) {
    await this.opened;
    const id = `r${++this.last}`;
    const answer = new Promise((done, failed) => this.waiting.set(id, { type, done, failed }));
    this.socket.send(JSON.stringify({ type, id, payload }));
    return answer;
  }
}

/** mediasoup-client over a WebSocket. */
class SocketDoor {
  constructor(root, stream) {
    this.signalling = new Signalling(root, stream);
    this.shown = [];
    this.consumers = [];
  }

  /** Watches what the payload names beside the socket's own stream, such as {streamId, kind, producerId}. */
  async watch(wanted = {}) {
    const ask = (type, payload) => this.signalling.request(type, payload);
    if (!this.transport) {
      this.device = new Device();
      await this.device.load({ routerRtpCapabilities: await ask('getRouterRtpCapabilities') });
      this.transport = this.device.createRecvTransport(await ask('createWebRtcTransport'));
      this.transport.on('connect', ({ dtlsParameters }, done, failed) => {
        ask('connectWebRtcTransport', { transportId: this.transport.id, dtlsParameters }).then(done, failed);
      });
    }
    const rtpCapabilities = this.device.recvRtpCapabilities;
    const payload = { transportId: this.transport.id, rtpCapabilities, paused: true, ...wanted };
    const consumer = await this.transport.consume(await ask('consume', payload));
    await ask('resumeConsumer', { consumerId: consumer.id });
    this.consumers.push(consumer);
    return this.shown.push(new Shown(consumer.track, () => consumer.getStats())) - 1;
  }

  state() {
    return this.transport.connectionState;
  }

  ask(type, place, payload = {}) {
    return this.signalling.request(type, { consumerId: this.consumers[place].id, ...payload });
  }
}

/** A plain RTCPeerConnection over a WebSocket. */
class PlainDoor {
  constructor(root, stream) {
    this.signalling = new Signalling(root, stream);
    this.shown = [];
  }

  async watch() {
    this.pc = new RTCPeerConnection();
    this.pc.addTransceiver('video', { direction: 'recvonly' });
    const arrived = new Promise((done) => (this.pc.ontrack = ({ track }) => done(track)));
    await this.pc.setLocalDescription();
    const { sdp } = await this.signalling.request('offer', { sdp: this.pc.localDescription.sdp });
    await this.pc.setRemoteDescription({ type: 'answer', sdp });
    return this.shown.push(new Shown(await arrived, () => this.pc.getStats())) - 1;
  }

  state() {
    return this.pc.connectionState;
  }
}

window.doors = { HttpDoor, SocketDoor, PlainDoor, Signalling };
