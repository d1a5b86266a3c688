// One camera on the wall: its picture, its name, and what is to be said of it.

import { LiveSession } from './session.js';

const LEVELS = { LIVE: 'ok', INITIALIZING: 'warn', READY: 'warn', ERROR: 'bad', STOPPED: 'off', CLOSED: 'off' };
const TITLES = {
  INITIALIZING: 'Connecting to the camera',
  READY: 'Waiting for the first picture',
  ERROR: 'Camera not available',
  STOPPED: 'Stopped',
};

export class Tile {
  constructor(template, stream) {
    this.element = template.content.firstElementChild.cloneNode(true);
    const part = (name) => this.element.querySelector(name);
    this.parts = {
      video: part('video'),
      still: part('.still'),
      title: part('.message-title'),
      text: part('.message-text'),
      next: part('.message-next'),
      name: part('.name'),
      state: part('.state'),
      figures: part('.figures'),
    };
    this.element.dataset.streamId = stream.id;
    this.element.dataset.picture = 'none';
    this.session = new LiveSession(stream.endpoints.whep, this.parts.video);
    this.session.addEventListener('change', () => this.render());
    this.session.addEventListener('frames', () => this.render());
    this.session.addEventListener('picture', () => this.show('live'));
    this.session.addEventListener('lost', () => this.keepStill());
    part('.zoom').addEventListener('click', () => this.zoom());
    this.element.addEventListener('dblclick', () => this.zoom());
    this.element.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && event.target === this.element) this.zoom();
    });
    this.update(stream);
  }

  /** Takes over what the server says of the stream. */
  update(stream) {
    this.stream = stream;
    this.session.observe(stream.state, stream.producer?.id ?? null);
    this.render();
  }

  close() {
    this.session.close();
    this.element.remove();
  }

  zoom() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.element.requestFullscreen?.();
  }

  show(picture) {
    this.element.dataset.picture = picture;
    this.render();
  }

  /** Keeps the last picture beneath the video that is about to go. */
  keepStill() {
    const { video, still } = this.parts;
    if (this.element.dataset.picture === 'live' && video.videoWidth > 0) {
      still.width = video.videoWidth;
      still.height = video.videoHeight;
      still.getContext('2d').drawImage(video, 0, 0);
      this.show('still');
    }
  }

  render() {
    const { stream, session, parts, element } = this;
    const { dataset } = element;
    const away = stream.state !== 'LIVE';
    const troubled = !away && ['late', 'reconnecting', 'refused'].includes(session.state);
    dataset.state = stream.state;
    dataset.session = session.state;
    dataset.frames = String(session.frames);
    dataset.level = troubled ? 'warn' : LEVELS[stream.state] ?? 'off';
    dataset.dimmed = String(away);
    parts.name.textContent = stream.name;
    parts.state.textContent = away ? stream.state : '';
    parts.figures.textContent = away ? '' : figures(stream);
    const message = this.message(away);
    dataset.message = String(message !== null);
    [parts.title.textContent, parts.text.textContent, parts.next.textContent] = message ?? ['', '', ''];
    element.setAttribute('aria-label', [stream.name, ...(message ?? ['Live'])].filter(Boolean).join(', '));
  }

  /** What stands in the middle of the tile: title, reason, what comes next. Null while the picture is enough. */
  message(away) {
    const { stream, session } = this;
    if (away) {
      const reason = stream.state === 'ERROR' ? stream.state_reason.text : '';
      return [TITLES[stream.state] ?? stream.state, sentence(reason), retry(stream.next_retry_at)];
    }
    switch (session.state) {
      case 'playing':
        return null;
      case 'late':
        return ['Picture is late', '', ''];
      case 'refused':
        return ['Can’t be played here', sentence(session.reason), ''];
      case 'reconnecting':
        return ['Reconnecting', `${session.reason}, attempt ${session.attempts}`, retry(session.retryAt)];
      default:
        return ['Connecting', '', ''];
    }
  }
}

function figures({ metrics, codec_config: { video } }) {
  const rate = metrics.bitrate_kbps >= 1_000
    ? `${(metrics.bitrate_kbps / 1_000).toFixed(1)} Mb/s`
    : `${Math.round(metrics.bitrate_kbps)} kb/s`;
  const size = video ? `${video.width}×${video.height}` : '';
  return [`${Math.round(metrics.fps)} fps`, rate, size].filter(Boolean).join(' · ');
}

function sentence(text) {
  return text && text[0].toUpperCase() + text.slice(1);
}

function retry(at) {
  if (!at) return '';
  const seconds = Math.ceil((new Date(at) - Date.now()) / 1_000);
  return seconds > 0 ? `Next attempt in ${seconds} s` : 'Trying again now';
}
