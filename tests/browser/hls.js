// An HLS player on hls.js that keeps a record of what it shows; see tests/it/recording/players.rs.
// Bundled and evaluated in a page of the server's own origin, it defines window.HlsPlayer.

import Hls from 'hls.js';

window.HlsPlayer = class {
  constructor() {
    this.video = Object.assign(document.createElement('video'), { muted: true, playsInline: true });
    this.video.style.cssText = 'display: block; width: 640px';
    document.body.append(this.video);
    this.frames = 0;
    this.errors = [];
    const shown = () => {
      this.frames += 1;
      this.video.requestVideoFrameCallback(shown);
    };
    this.video.requestVideoFrameCallback(shown);
    this.stalls = 0;
    this.video.addEventListener('waiting', () => {
      if (this.frames > 0) this.stalls += 1;
    });
  }

  /** Plays a playlist from its start position, with parts where it has them. */
  play(url) {
    this.hls = new Hls({ lowLatencyMode: true, backBufferLength: 60 });
    this.hls.on(Hls.Events.ERROR, (_, { type, details, fatal, error }) => {
      this.errors.push({ type, details, fatal, message: String(error) });
    });
    this.hls.loadSource(url);
    this.hls.attachMedia(this.video);
    this.hls.on(Hls.Events.MANIFEST_PARSED, () => this.video.play());
  }

  /** Goes over to another rendition, from the next segment that is loaded on. */
  changeTo(level) {
    this.hls.nextLoadLevel = level;
  }

  seek(seconds) {
    this.video.currentTime = seconds;
  }

  /** What it shows, and how far behind the camera it is by the playlist's clock, in seconds. */
  look() {
    const { currentTime, duration, videoWidth, paused, ended } = this.video;
    const date = this.hls.playingDate;
    return {
      frames: this.frames,
      currentTime,
      duration: Number.isFinite(duration) ? duration : null,
      width: videoWidth,
      paused,
      ended,
      behind: date ? (Date.now() - date.getTime()) / 1000 : null,
      latency: this.hls.latency ?? null,
      target: this.hls.targetLatency ?? null,
      audioBytes: this.video.webkitAudioDecodedByteCount ?? 0,
      stalls: this.stalls,
      parts: this.hls.levels.length > 0 && !!this.hls.latestLevelDetails?.partList?.length,
      errors: this.errors,
      state: this.#state(),
    };
  }

  /** What a failed test wants to know. */
  #state() {
    const { buffered, readyState, networkState, error } = this.video;
    const ranges = Array.from({ length: buffered.length }, (_, n) => [buffered.start(n), buffered.end(n)]);
    return JSON.stringify({ ranges, readyState, networkState, error: error && error.message });
  }

  close() {
    this.hls.destroy();
    this.video.remove();
  }
};
