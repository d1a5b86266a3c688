/**
 * `<vas-player src="https://vas.example" stream="ID" token="TOKEN">`: one live camera in any page. See README.md.
 *
 * It is the player of the dashboard (`src/media`) with the least around it: no framework, no style that leaks in or out.
 */

import type { Fetch } from "../src/media/http";
import { LiveKit } from "../src/media/live-kit";
import type { LiveSession } from "../src/media/live-session";
import type { LiveSnapshot, StreamFacts } from "../src/media/live-types";
import { PictureSurface } from "../src/media/surface";
import { message, type PlayerWords, WORDS } from "./words";

/** How often the stream's state is asked for: it tells a camera that is away from a network that is. */
const LOOK_MS = 5_000;
const LOOK_SOON_MS = 1_500;

const STYLE = `
:host { display: block; position: relative; overflow: hidden; aspect-ratio: 16 / 9; background: #05070a; color: #fff;
  object-fit: contain; font: 500 13px/18px system-ui, sans-serif; }
:host([hidden]) { display: none; }
.picture { position: absolute; inset: 0; object-fit: inherit; }
.picture.away { filter: grayscale(1) brightness(0.45); }
.message { position: absolute; inset: 0; display: flex; flex-direction: column; align-items: center; justify-content: center;
  gap: 2px; padding: 12px; text-align: center; pointer-events: none; }
.message b { font-size: 14px; font-weight: 620; }
.message span { opacity: 0.82; }
.badge { position: absolute; inset-block-start: 8px; inset-inline-start: 8px; padding: 2px 8px; border-radius: 6px; background: #0a0c0fc4; font-size: 12px; }
[hidden] { display: none; }
`;

interface StreamAnswer {
  readonly state: string;
  readonly state_reason: { readonly text: string } | null;
  readonly next_retry_at: string | null;
  readonly producer: { readonly id: string } | null;
  readonly codec_config: { readonly video: { readonly codec: string; readonly fps: number | null } | null; readonly audio?: unknown };
}

export class VasPlayer extends HTMLElement {
  static readonly observedAttributes = ["src", "stream", "token", "muted"];
  /** What it says; another language is given by other words. */
  words: PlayerWords = WORDS;
  #kit: LiveKit | null = null;
  #session: LiveSession | null = null;
  #surface: PictureSurface | null = null;
  #facts: StreamFacts | null = null;
  #timer = 0;
  #ticker = 0;
  #begun = false;
  #ended: AbortController | null = null;
  readonly #parts: { readonly picture: HTMLElement; readonly message: HTMLElement; readonly title: HTMLElement; readonly text: HTMLElement; readonly badge: HTMLElement };

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    const make = (tag: string, name: string, parent: Node = root) => {
      const element = document.createElement(tag);
      element.className = name;
      parent.appendChild(element);
      return element;
    };
    const picture = make("div", "picture");
    const words = make("div", "message");
    words.setAttribute("role", "status");
    this.#parts = { picture, message: words, title: make("b", "", words), text: make("span", "", words), badge: make("div", "badge") };
    this.#parts.badge.hidden = true;
  }

  /** Where the session is: `idle`, `queued`, `connecting`, `playing`, `late`, `stalled`, `reconnecting`, `waiting-camera`, `refused`. */
  get state(): string {
    return this.#session?.snapshot.state ?? "idle";
  }

  /** The picture, for what this element does not offer. Its sound is off until `muted` is taken away. */
  get video(): HTMLVideoElement | null {
    return this.#surface?.video ?? null;
  }

  connectedCallback(): void {
    this.#begin();
  }

  disconnectedCallback(): void {
    this.#end();
  }

  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (before === after || !this.isConnected) return;
    if (name === "muted" && this.#surface) {
      this.#surface.video.muted = after !== null;
      this.#session?.reopen();
      return;
    }
    this.#end();
    this.#begin();
  }

  /** Tries again now: after a refusal, or rather than when it was due. */
  retry(): void {
    this.#session?.hurry();
  }

  get #base(): string {
    return (this.getAttribute("src") ?? location.origin).replace(/\/+$/, "");
  }

  #fetch: Fetch = (url, init = {}) => {
    const token = this.getAttribute("token");
    const headers = new Headers(init.headers);
    if (token) headers.set("Authorization", `Bearer ${token}`);
    return fetch(url, { ...init, headers, credentials: "omit" });
  };

  #begin(): void {
    const stream = this.getAttribute("stream");
    if (!stream || this.#begun) return;
    this.#begun = true;
    const token = this.getAttribute("token");
    const kit = new LiveKit({ fetch: this.#fetch, base: this.#base, ...(token ? { token } : {}) });
    const surface = new PictureSurface();
    // Without the attribute `muted` sound is asked for; browsers allow it once the page has been clicked.
    const session = kit.session({ stream, surface, rank: () => 0, audio: () => !this.hasAttribute("muted") });
    surface.video.muted = this.hasAttribute("muted");
    this.#parts.picture.append(surface.root);
    [this.#kit, this.#surface, this.#session] = [kit, surface, session];
    this.#ended = new AbortController();
    session.changes.subscribe((snapshot) => this.#changed(snapshot));
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && void this.#look(), { signal: this.#ended.signal });
    session.start();
    // Seconds are counted down.
    this.#ticker = window.setInterval(() => session.snapshot.state !== "playing" && this.#render(), 1_000);
    this.#render();
    void this.#look();
  }

  #end(): void {
    clearTimeout(this.#timer);
    clearInterval(this.#ticker);
    this.#ended?.abort();
    this.#kit?.close();
    this.#surface?.destroy();
    this.#kit = this.#surface = this.#session = this.#facts = this.#ended = null;
    this.#begun = false;
  }

  async #look(): Promise<void> {
    clearTimeout(this.#timer);
    const session = this.#session;
    if (!session) return;
    const url = `${this.#base}/v2/streams/${this.getAttribute("stream") ?? ""}`;
    const facts = await this.#fetch(url, { cache: "no-store", signal: AbortSignal.timeout(LOOK_MS) }).then(
      async (response) => (response.ok ? factsOf((await response.json()) as StreamAnswer) : await refused(response)),
      () => null,
    );
    if (session !== this.#session) return;
    if (facts) {
      this.#facts = facts;
      session.observe(facts);
    } else if (!this.#facts) {
      this.#kit?.gate.suspect();
    }
    this.#render();
    this.#timer = window.setTimeout(() => void this.#look(), this.#facts?.state === "LIVE" ? LOOK_MS : LOOK_SOON_MS);
  }

  #changed(snapshot: LiveSnapshot): void {
    this.#render();
    this.dispatchEvent(new CustomEvent("vas-state", { detail: snapshot }));
  }

  #render(): void {
    const { picture, title, text, badge } = this.#parts;
    const snapshot = this.#session?.snapshot;
    if (!snapshot) return;
    const says = message(this.words, snapshot, this.#facts, Date.now());
    title.textContent = says.title;
    text.textContent = says.text;
    picture.classList.toggle("away", says.away);
    badge.hidden = snapshot.way === "webrtc";
    badge.textContent = snapshot.way === "hls" ? this.words.hls : this.words.stills;
    this.setAttribute("aria-label", [says.title, says.text].filter(Boolean).join(", ") || this.words.live);
  }
}

function factsOf(answer: StreamAnswer): StreamFacts {
  const { video } = answer.codec_config;
  return {
    state: answer.state,
    reason: answer.state_reason?.text ?? "",
    retryAt: answer.next_retry_at === null ? null : Date.parse(answer.next_retry_at),
    producer: answer.producer?.id ?? null,
    fps: video?.fps ?? null,
    codec: video?.codec ?? null,
  };
}

/** A stream that may not be seen, or is none: the session finds out in detail, and says so. */
async function refused(response: Response): Promise<StreamFacts | null> {
  await response.body?.cancel();
  if (response.status >= 500 || response.status === 429) return null;
  return { state: "LIVE", reason: "", retryAt: null, producer: null, fps: null, codec: null };
}

if (!customElements.get("vas-player")) customElements.define("vas-player", VasPlayer);
