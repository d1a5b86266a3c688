import { describe, expect, it } from "vitest";
import { EventFeed, type Socket } from "./event-feed";

class FakeSocket implements Socket {
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  onmessage: ((event: { readonly data: unknown }) => void) | null = null;
  closed = false;
  close(): void {
    this.closed = true;
  }
  say(seq: number, topic: string, data: object = {}): void {
    this.onmessage?.({ data: JSON.stringify({ seq, topic, at: "2026-11-22T18:29:00.000Z", data }) });
  }
}

/** A feed whose clock moves when the test says so. */
function harness() {
  const sockets: { socket: FakeSocket; since: number | null }[] = [];
  const timers = new Map<number, { run: () => void; at: number }>();
  let now = 0;
  let ids = 0;
  const feed = new EventFeed({
    connect: (since) => {
      const socket = new FakeSocket();
      sockets.push({ socket, since });
      return socket;
    },
    later: (run, ms) => {
      timers.set(++ids, { run, at: now + ms });
      return ids;
    },
    cancel: (timer) => void timers.delete(timer),
    random: () => 0.5,
  });
  const pass = (ms: number): void => {
    const end = now + ms;
    for (;;) {
      const next = [...timers].filter(([, timer]) => timer.at <= end).sort((a, b) => a[1].at - b[1].at)[0];
      if (!next) break;
      timers.delete(next[0]);
      now = next[1].at;
      next[1].run();
    }
    now = end;
  };
  return { feed, sockets, pass, newest: () => sockets[sockets.length - 1]?.socket ?? new FakeSocket() };
}

describe("the feed of events", () => {
  it("gives events to those who asked for their topic", () => {
    const { feed, newest } = harness();
    const seen: unknown[] = [];
    const end = feed.subscribe("alert", (data, seq) => seen.push([seq, data]));
    feed.start();
    newest().say(7, "system", { type: "connected" });
    newest().say(8, "alert", { n: 1 });
    newest().say(9, "bookmark", { n: 2 });
    end();
    newest().say(10, "alert", { n: 3 });
    expect(seen).toEqual([[8, { n: 1 }]]);
    expect(feed.state).toBe("connected");
  });

  it("goes on from the last number after a break, with growing delays", () => {
    const { feed, sockets, pass, newest } = harness();
    feed.start();
    newest().say(41, "alert");
    newest().onclose?.();
    expect(feed.state).toBe("connecting");
    pass(499);
    expect(sockets).toHaveLength(1);
    pass(1);
    expect(sockets[1]?.since).toBe(41);
    newest().onclose?.();
    pass(999);
    expect(sockets).toHaveLength(2);
    pass(1);
    expect(sockets).toHaveLength(3);
  });

  it("says that it is down after five seconds, and that it is back", () => {
    const { feed, pass, newest } = harness();
    const states: string[] = [];
    feed.onState((state) => states.push(state));
    feed.start();
    newest().onclose?.();
    pass(4_999);
    expect(feed.state).toBe("connecting");
    pass(1);
    expect(feed.state).toBe("down");
    newest().say(1, "system", { type: "connected" });
    expect(states).toEqual(["down", "connected"]);
  });

  it("tells of a gap, and of nothing that is no message", () => {
    const { feed, newest } = harness();
    let gaps = 0;
    feed.onGap(() => gaps++);
    feed.start();
    newest().say(3, "system", { type: "gap" });
    newest().onmessage?.({ data: "{" });
    newest().onmessage?.({ data: JSON.stringify({ seq: "1", topic: "alert", data: {} }) });
    expect(gaps).toBe(1);
  });

  it("takes a silent connection for dead, and stops when told", () => {
    const { feed, sockets, pass, newest } = harness();
    feed.start();
    newest().say(3, "metrics");
    const first = newest();
    pass(46_000);
    expect(first.closed).toBe(true);
    expect(sockets).toHaveLength(2);
    feed.stop();
    expect(newest().closed).toBe(true);
    pass(100_000);
    expect(sockets).toHaveLength(2);
  });
});
