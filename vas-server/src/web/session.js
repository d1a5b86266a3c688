// One viewer's session with one stream over WHEP, which comes back by itself.
//
//   idle -> connecting -> playing -> (late) -> reconnecting -> connecting ...
//             |                                                  ^
//             `-> waiting (the camera has no picture: as told)  -'     refused (for good)
//
// The stream's own state comes from outside (see `observe`): while the camera is away a session stays as it is, for
// the server goes on with it when the camera is back.

const ANSWER_MS = 5_000;
const FIRST_FRAME_MS = 8_000;
const LATE_MS = 2_000;
const STALLED_MS = 10_000;
const DISCONNECTED_MS = 4_000;
const BACKOFF_S = [1, 2, 4, 8, 15, 30];
const STEADY_MS = 60_000;
/** RTP ticks between two pictures from which the second is no longer of the first, compressed group: 10 ms. */
const LIVE_TICKS = 900;
/** Longest time that pictures are held back for reaching the live edge. */
const LIVE_EDGE_MS = 500;

export class LiveSession extends EventTarget {
  /** Nothing happens before `observe` tells of a stream that is live. */
  constructor(whepUrl, video) {
    super();
    this.whepUrl = whepUrl;
    this.video = video;
    this.state = 'idle';
    this.reason = '';
    this.retryAt = null;
    this.frames = 0;
    this.attempts = 0;
    this.live = false;
    this.producer = null;
    this.run = null;
    this.retryTimer = 0;
  }

  /** Takes note of the stream's state and of its producer, which is another one after a stop. */
  observe(streamState, producer) {
    const over = streamState === 'STOPPED' || streamState === 'CLOSED';
    const replaced = this.run && producer && this.producer && producer !== this.producer;
    this.live = streamState === 'LIVE';
    if (this.state === 'refused' && (!this.live || producer !== this.producer)) this.#enter('waiting');
    if (this.run && (over || replaced)) this.#drop();
    this.producer = producer;
    if (over) {
      this.#cancelRetry();
      this.#enter('idle');
    } else if (this.live && !this.run && !this.retryTimer && this.state !== 'refused') {
      this.#connect();
    }
  }

  /** Ends the session for good, telling the server. */
  close() {
    this.#cancelRetry();
    this.#drop();
    this.#enter('idle');
  }

  /** Tries again now rather than when it was due. */
  hurry() {
    if (!this.retryTimer) return;
    this.#cancelRetry();
    if (this.live) this.#connect();
  }

  #enter(state, reason = '') {
    if (state === this.state && reason === this.reason) return;
    this.state = state;
    this.reason = reason;
    this.dispatchEvent(new Event('change'));
  }

  async #connect() {
    this.#cancelRetry();
    const run = { pc: new RTCPeerConnection(), url: null, begun: performance.now(), decoded: 0, last: 0, shown: false };
    this.run = run;
    this.#enter('connecting');
    run.ticker = setInterval(() => this.#tick(run), 1_000);
    const { pc } = run;
    pc.addTransceiver('video', { direction: 'recvonly' });
    pc.ontrack = ({ track, streams }) => this.#attach(run, streams[0] ?? new MediaStream([track]));
    pc.onconnectionstatechange = () => this.#connection(run);
    try {
      await pc.setLocalDescription();
      const response = await fetch(this.whepUrl, {
        method: 'POST',
        // A refusal is wanted as a document that says why, not as the server's own offer.
        headers: { 'Content-Type': 'application/sdp', Accept: 'application/sdp, application/problem+json' },
        body: pc.localDescription.sdp,
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      const body = await response.text();
      if (response.status !== 201) {
        this.#refused(run, response, body);
        return;
      }
      run.url = new URL(response.headers.get('Location'), response.url).href;
      if (this.run !== run) {
        endOnServer(run.url);
        return;
      }
      await pc.setRemoteDescription({ type: 'answer', sdp: body });
    } catch (error) {
      this.#retry(run, error.name === 'TimeoutError' ? 'The server did not answer' : 'The server can’t be reached');
    }
  }

  #refused(run, response, body) {
    if (this.run !== run) return;
    let problem = {};
    try {
      problem = JSON.parse(body);
    } catch {
      // A proxy's page, perhaps; the status says enough.
    }
    const description = problem.error_description ?? `The server answered ${response.status}`;
    const seconds = Number(response.headers.get('Retry-After')) || problem.details?.retry_after_seconds;
    this.#drop();
    if (problem.error === 'STREAM_NOT_LIVE') {
      // What the stream is, and when it is tried again, is known from its own state.
      this.live = false;
      this.#enter('waiting', description);
    } else if (seconds) {
      this.#schedule(seconds, 'waiting', description);
    } else if ([400, 406, 415].includes(response.status)) {
      // This browser and this stream don't go together; only another stream would change that.
      this.#enter('refused', description);
    } else {
      this.#again(description);
    }
  }

  #attach(run, stream) {
    if (this.run !== run) return;
    this.video.srcObject = stream;
    // Browsers start a muted video by themselves; where one doesn't, the next tap does.
    this.video.play().catch(() => {});
    if ('requestVideoFrameCallback' in this.video) {
      let first = null;
      const seen = (now, { rtpTimestamp }) => {
        if (this.run !== run) return;
        first ??= { now, last: rtpTimestamp };
        const step = (rtpTimestamp - first.last) >>> 0;
        first.last = rtpTimestamp;
        if (rtpTimestamp === undefined || step > LIVE_TICKS || now - first.now > LIVE_EDGE_MS) {
          this.#show(run);
        } else {
          this.video.requestVideoFrameCallback(seen);
        }
      };
      this.video.requestVideoFrameCallback(seen);
    }
  }

  #show(run) {
    if (run.shown) return;
    run.shown = true;
    run.playingSince = performance.now();
    this.#enter('playing');
    this.dispatchEvent(new Event('picture'));
  }

  #connection(run) {
    if (this.run !== run) return;
    clearTimeout(run.patience);
    const { connectionState } = run.pc;
    if (connectionState === 'failed' || connectionState === 'closed') {
      this.#retry(run, 'The connection was lost');
    } else if (connectionState === 'disconnected') {
      run.patience = setTimeout(() => this.#retry(run, 'The connection was lost'), DISCONNECTED_MS);
    }
  }

  /** Once a second: counts pictures and notices when none come. */
  async #tick(run) {
    let decoded = 0;
    for (const entry of (await run.pc.getStats()).values()) {
      if (entry.type === 'inbound-rtp' && entry.kind === 'video') decoded = entry.framesDecoded ?? 0;
    }
    if (this.run !== run) return;
    const now = performance.now();
    if (decoded > run.decoded) {
      this.frames += decoded - run.decoded;
      run.decoded = decoded;
      run.last = now;
      // In a hidden page no frame callback comes, and some browsers have none.
      this.#show(run);
      this.#enter('playing');
      if (now - run.playingSince > STEADY_MS) this.attempts = 0;
      this.dispatchEvent(new Event('frames'));
      return;
    }
    // Without the camera there is nothing to come: the server's state tells, and the session waits.
    if (!this.live) {
      if (run.shown) run.last = now;
      return;
    }
    const silent = now - (run.last || run.begun);
    if (silent > (run.last ? STALLED_MS : FIRST_FRAME_MS)) {
      this.#retry(run, 'No picture arrived');
    } else if (run.last && silent > LATE_MS) {
      this.#enter('late');
    }
  }

  #retry(run, reason) {
    if (this.run !== run) return;
    this.#drop();
    this.#again(reason);
  }

  #again(reason) {
    const seconds = BACKOFF_S[Math.min(this.attempts, BACKOFF_S.length - 1)];
    this.attempts += 1;
    this.#schedule(seconds * (0.75 + Math.random() / 2), 'reconnecting', reason);
  }

  #schedule(seconds, state, reason) {
    this.#cancelRetry();
    this.retryAt = Date.now() + seconds * 1_000;
    this.retryTimer = setTimeout(() => {
      this.#cancelRetry();
      if (this.live) this.#connect();
      else this.#enter('waiting', reason);
    }, seconds * 1_000);
    this.#enter(state, reason);
  }

  #cancelRetry() {
    clearTimeout(this.retryTimer);
    this.retryTimer = 0;
    this.retryAt = null;
  }

  /** Lets go of the present connection; its last picture is kept by whoever listens. */
  #drop() {
    const { run } = this;
    if (!run) return;
    this.run = null;
    clearInterval(run.ticker);
    clearTimeout(run.patience);
    this.dispatchEvent(new Event('lost'));
    run.pc.close();
    this.video.srcObject = null;
    if (run.url) endOnServer(run.url);
  }
}

function endOnServer(url) {
  // It may have ended there already. `keepalive`: also while the page goes away.
  fetch(url, { method: 'DELETE', keepalive: true }).catch(() => {});
}
