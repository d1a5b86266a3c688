// A WHEP player (draft-ietf-wish-whep) that keeps a record of what it shows; see tests/it/whep.rs.
// Evaluated in a page of the server's own origin, it defines window.WhepPlayer.

window.WhepPlayer = class {
  /** Frames kept in the record; later ones are counted by the browser's statistics alone. */
  static KEPT_FRAMES = 5000;

  constructor() {
    this.video = Object.assign(document.createElement('video'), { muted: true, autoplay: true, playsInline: true });
    this.video.style.cssText = 'display: block; width: 640px';
    document.body.append(this.video);
    this.canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    this.frames = [];
  }

  /** Offers video (and audio), posts the offer at once, without waiting for candidates, and plays the answer. */
  async play(url, options) {
    const offer = await this.offer(options);
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/sdp' },
      body: offer,
    });
    const body = await response.text();
    if (response.status !== 201) throw new Error(`WHEP answered ${response.status}: ${body}`);
    this.session = new URL(response.headers.get('Location'), new URL(url, document.baseURI)).href;
    await this.accept(body);
  }

  /** Makes the offer, for whoever brings it to a server by another way. */
  async offer({ audio = false, stamps = false } = {}) {
    this.readStamps = stamps;
    // Of a muted element Chromium reports sound without any energy.
    this.video.muted = !audio;
    this.pc = new RTCPeerConnection();
    this.pc.addTransceiver('video', { direction: 'recvonly' });
    if (audio) this.pc.addTransceiver('audio', { direction: 'recvonly' });
    const stream = new MediaStream();
    this.pc.ontrack = ({ track }) => {
      stream.addTrack(track);
      this.video.srcObject = stream;
    };
    await this.pc.setLocalDescription();
    this.video.requestVideoFrameCallback((now, metadata) => this.#shown(metadata));
    this.posted = performance.now();
    return this.pc.localDescription.sdp;
  }

  /** Plays the answer to that offer. */
  accept(sdp) {
    return this.pc.setRemoteDescription({ type: 'answer', sdp });
  }

  #shown({ rtpTimestamp, presentedFrames, mediaTime, width, height }) {
    if (this.frames.length < WhepPlayer.KEPT_FRAMES) {
      const t = performance.now() - this.posted;
      const stamp = this.readStamps ? this.stamp() : null;
      this.frames.push({ t, rtpTimestamp: rtpTimestamp ?? null, presentedFrames, mediaTime, width, height, stamp });
    }
    this.video.requestVideoFrameCallback((now, metadata) => this.#shown(metadata));
  }

  /** Milliseconds from the POST to the first picture on the page; null before it. */
  get firstFrameMs() {
    return this.frames[0]?.t ?? null;
  }

  /** getStats(), cut down to one object each: connection states, inbound video and audio, their codecs, the path. */
  async stats() {
    const report = await this.pc.getStats();
    const result = { connectionState: this.pc.connectionState, iceState: this.pc.iceConnectionState };
    for (const entry of report.values()) {
      if (entry.type === 'inbound-rtp') {
        const codec = report.get(entry.codecId);
        result[entry.kind] = { ...entry, codec: codec?.mimeType ?? null, fmtp: codec?.sdpFmtpLine ?? null };
      } else if (entry.type === 'transport') {
        result.transport = entry;
        result.pair = report.get(entry.selectedCandidatePairId) ?? null;
      }
    }
    return result;
  }

  /**
   * What the strip of the built-in test camera says of the picture now showing (vas-ingest, camera::strip): its
   * number and how many milliseconds ago it was captured. Null where there is no strip that can be trusted.
   */
  stamp() {
    const { videoWidth } = this.video;
    const cell = Math.floor(videoWidth / 40) & ~1;
    const height = Math.min(cell, 16);
    if (!cell) return null;
    const now = performance.timeOrigin + performance.now();
    const [columns, rows] = [40 * cell, 2 * height];
    this.strip ??= Object.assign(document.createElement('canvas'), { width: columns, height: rows })
      .getContext('2d', { willReadFrequently: true });
    this.strip.drawImage(this.video, 0, 0, columns, rows, 0, 0, columns, rows);
    const { data } = this.strip.getImageData(0, 0, columns, rows);
    const row = (n) => {
      const bit = (i) => Number(data[4 * ((n * height + (height >> 1)) * columns + i * cell + (cell >> 1)) + 1] > 125);
      const number = (from, count) => Array.from({ length: count }, (_, i) => bit(from + i)).reduce((a, b) => 2 * a + b, 0);
      const value = number(2, 32);
      let check = 0;
      for (let i = 0; i < 8; i++) check ^= number(2 + 4 * i, 4);
      return number(0, 2) === 2 && number(38, 2) === 1 && number(34, 4) === check ? value : null;
    };
    const [frame, captured] = [row(0), row(1)];
    if (frame === null || captured === null) return null;
    const behind = (((now - captured) % 2 ** 32) + 2 ** 32) % 2 ** 32;
    return { frame, lagMs: behind > 2 ** 31 ? behind - 2 ** 32 : behind };
  }

  /** The picture now showing, or its part [x, y, width, height], as rows of average brightness, 0 to 255. */
  luma(columns, rows, part) {
    const { videoWidth, videoHeight } = this.video;
    if (!videoWidth) return null;
    const [x, y, width, height] = part ?? [0, 0, videoWidth, videoHeight];
    const { canvas } = this.canvas;
    canvas.width = columns;
    canvas.height = rows;
    this.canvas.imageSmoothingQuality = 'high';
    this.canvas.drawImage(this.video, x, y, width, height, 0, 0, columns, rows);
    const { data } = this.canvas.getImageData(0, 0, columns, rows);
    const result = [];
    for (let i = 0; i < data.length; i += 4) {
      result.push(Math.round(0.2126 * data[i] + 0.7152 * data[i + 1] + 0.0722 * data[i + 2]));
    }
    return result;
  }

  /** Ends the session as a well-behaved player does; gives the status of the DELETE. */
  async close() {
    const { status } = await fetch(this.session, { method: 'DELETE' });
    this.pc.close();
    this.video.remove();
    return status;
  }
};
