/**
 * One socket for everything that happens: `WS /ws/events?since=seq`, messages `{seq, topic, at, data}`.
 *
 * After a break it goes on from the last number it saw. Where the server says that it can't (`system` with type
 * `gap`), listeners of `onGap` fetch anew. No framework here; time and socket are given, so that tests own both.
 */

import { isRecord } from "./problem";

export const TOPICS = ["stream_state", "metrics", "recording", "bookmark", "snapshot", "alert", "system"] as const;
export type Topic = (typeof TOPICS)[number];
export type EventsState = "connecting" | "connected" | "down";
export type Listener = (data: Readonly<Record<string, unknown>>, seq: number, at: string) => void;

/** What is used of a WebSocket. */
export interface Socket {
  onopen: (() => void) | null;
  onclose: (() => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  close(): void;
}

export interface Surroundings {
  readonly connect: (since: number | null) => Socket;
  readonly later: (run: () => void, ms: number) => number;
  readonly cancel: (timer: number) => void;
  /** 0..1 */
  readonly random: () => number;
}

/** Time without a connection after which the page says so, in milliseconds. */
const PATIENCE = 5_000;
/** Delays between attempts in milliseconds; the last one stays. Each is varied by a quarter. */
const DELAYS = [500, 1_000, 2_000, 4_000, 8_000, 15_000] as const;
/** A connection on which nothing came for so long is dead: figures come every second where there are streams. */
const SILENCE = 45_000;

export class EventFeed {
  private readonly listeners = new Map<Topic, Set<Listener>>();
  private readonly stateListeners = new Set<(state: EventsState) => void>();
  private readonly gapListeners = new Set<() => void>();
  private socket: Socket | null = null;
  private last: number | null = null;
  private failures = 0;
  private retry: number | null = null;
  private patience: number | null = null;
  private silence: number | null = null;
  private running = false;
  private current: EventsState = "connecting";

  constructor(private readonly around: Surroundings) {}

  get state(): EventsState {
    return this.current;
  }

  start(): void {
    if (this.running) return;
    this.running = true;
    this.set("connecting");
    this.open();
  }

  /** Closes the socket; `start` goes on from the last number. */
  stop(): void {
    this.running = false;
    for (const timer of [this.retry, this.patience, this.silence]) if (timer !== null) this.around.cancel(timer);
    this.retry = this.patience = this.silence = null;
    this.drop();
  }

  /** Tries at once, as when the network is back. */
  nudge(): void {
    if (!this.running || this.retry === null) return;
    this.around.cancel(this.retry);
    this.retry = null;
    this.open();
  }

  /** Calls `listener` with every event of a topic. Returns what ends it. */
  subscribe(topic: Topic, listener: Listener): () => void {
    const set = this.listeners.get(topic) ?? new Set();
    this.listeners.set(topic, set.add(listener));
    return () => set.delete(listener);
  }

  onState(listener: (state: EventsState) => void): () => void {
    this.stateListeners.add(listener);
    return () => this.stateListeners.delete(listener);
  }

  /** Calls `listener` when events may have been missed: what is shown must be fetched anew. */
  onGap(listener: () => void): () => void {
    this.gapListeners.add(listener);
    return () => this.gapListeners.delete(listener);
  }

  private open(): void {
    this.patience ??= this.around.later(() => {
      this.patience = null;
      if (this.current !== "connected") this.set("down");
    }, PATIENCE);
    let socket: Socket;
    try {
      socket = this.around.connect(this.last);
    } catch {
      this.closed();
      return;
    }
    this.socket = socket;
    socket.onmessage = (event) => this.receive(event.data);
    socket.onclose = () => {
      if (this.socket === socket) this.closed();
    };
    this.listen();
  }

  private closed(): void {
    this.drop();
    if (!this.running) return;
    if (this.current === "connected") this.set("connecting");
    const delay = DELAYS[Math.min(this.failures, DELAYS.length - 1)] ?? 15_000;
    this.failures += 1;
    this.patience ??= this.around.later(() => {
      this.patience = null;
      if (this.current !== "connected") this.set("down");
    }, PATIENCE);
    this.retry = this.around.later(() => {
      this.retry = null;
      this.open();
    }, delay * (0.75 + this.around.random() * 0.5));
  }

  private drop(): void {
    if (this.silence !== null) this.around.cancel(this.silence);
    this.silence = null;
    const socket = this.socket;
    this.socket = null;
    if (socket) {
      socket.onclose = socket.onmessage = socket.onopen = null;
      socket.close();
    }
  }

  private listen(): void {
    if (this.silence !== null) this.around.cancel(this.silence);
    this.silence = this.around.later(() => this.closed(), SILENCE);
  }

  private receive(text: unknown): void {
    const message = parse(text);
    if (!message) return;
    this.listen();
    const first = this.current !== "connected";
    if (first) {
      this.failures = 0;
      if (this.patience !== null) this.around.cancel(this.patience);
      this.patience = null;
      this.set("connected");
    }
    this.last = Math.max(this.last ?? 0, message.seq);
    if (message.topic === "system" && message.data["type"] === "gap") {
      for (const listener of this.gapListeners) listener();
      return;
    }
    for (const listener of this.listeners.get(message.topic) ?? []) listener(message.data, message.seq, message.at);
  }

  private set(state: EventsState): void {
    if (state === this.current) return;
    this.current = state;
    for (const listener of this.stateListeners) listener(state);
  }
}

interface Message {
  readonly seq: number;
  readonly topic: Topic;
  readonly at: string;
  readonly data: Readonly<Record<string, unknown>>;
}

function parse(text: unknown): Message | null {
  let value: unknown;
  try {
    value = JSON.parse(String(text));
  } catch {
    return null;
  }
  if (!isRecord(value)) return null;
  const { seq, topic, at, data } = value;
  const known = TOPICS.find((name) => name === topic);
  if (typeof seq !== "number" || known === undefined || !isRecord(data)) return null;
  return { seq, topic: known, at: typeof at === "string" ? at : "", data };
}
