import { describe, expect, it } from "vitest";
import { FakeClock, settle } from "../test/fake-clock";
import { RefusalError, type Refusal } from "./http";
import { LiveSession } from "./live-session";
import type { Channel, StreamFacts, Surface, Way } from "./live-types";
import { SetupPool } from "./pool";
import { ServerGate } from "./server-gate";
import { Ways } from "./ways";

class FakeChannel implements Channel {
  onlost: (reason: string) => void = () => undefined;
  onmedia: () => void = () => undefined;
  restarts = 0;
  closed = false;
  frames: number | null = 0;
  wishes: unknown[] = [];
  #open!: { done: () => void; failed: (error: Error) => void };
  readonly opened = new Promise<void>((done, failed) => (this.#open = { done, failed }));

  constructor(readonly way: Way) {}
  open = () => this.opened;
  restart = () => Promise.resolve(++this.restarts > 0);
  wish = (wish: unknown) => void this.wishes.push(wish);
  decoded = () => Promise.resolve(this.frames);
  close = () => void (this.closed = true);
  answer = () => this.#open.done();
  refuse = (refusal: Partial<Refusal>) => this.#open.failed(new RefusalError({ status: 500, code: "X", text: "no", retryAfterMs: null, ...refusal }));
}

class FakeSurface implements Surface {
  seen: (() => void) | null = null;
  revealed: Way | null = null;
  frozen = 0;
  visible = true;
  nextPicture(seen: () => void) {
    this.seen = seen;
    return () => void (this.seen = null);
  }
  presents = () => this.visible;
  reveal = (way: Way) => void (this.revealed = way);
  freeze = () => void this.frozen++;
}

const LIVE: StreamFacts = { state: "LIVE", reason: "", retryAt: null, producer: "p1", fps: 25, codec: "H264" };

function setUp({ serverAnswers = true, mse = true, carries = false, pool = new SetupPool() } = {}) {
  const clock = new FakeClock();
  const channels: FakeChannel[] = [];
  const surface = new FakeSurface();
  const gate = new ServerGate({ clock, probe: () => Promise.resolve(server.answers), playing: () => 1 });
  const server = { answers: serverAnswers };
  const ways = new Ways({ webrtc: (codec) => codec === "H264", mse: () => mse }, clock, () => true, () => Promise.resolve(carries));
  const session = new LiveSession({
    clock, gate, ways, surface, pool, random: () => 0.5, rank: () => 0,
    channel: (way) => {
      const channel = new FakeChannel(way);
      channels.push(channel);
      return channel;
    },
  });
  const channel = () => channels.at(-1) as FakeChannel;
  /** A picture every 40 ms for so long. */
  const picture = async (ms: number) => {
    for (let at = 0; at < ms; at += 500) {
      surface.seen?.();
      await clock.advance(Math.min(500, ms - at));
    }
  };
  const play = async () => {
    session.observe(LIVE);
    session.start();
    channel().answer();
    await clock.advance(200);
    surface.seen?.();
  };
  return { clock, channels, channel, surface, gate, ways, session, picture, play, server };
}

describe("the live session", () => {
  it("is queued while four set-ups go on, and begins when one is over", async () => {
    const pool = new SetupPool();
    const releases: (() => void)[] = [];
    for (let at = 0; at < 4; at++) pool.request(() => 0, (release) => releases.push(release));
    const { session, channels } = setUp({ pool });
    session.observe(LIVE);
    session.start();
    expect(session.snapshot.state).toBe("queued");
    expect(channels).toHaveLength(0);
    releases[0]?.();
    expect(session.snapshot.state).toBe("connecting");
  });

  it("connects, and plays from its first picture on", async () => {
    const { session, surface, play, channel } = setUp();
    await play();
    expect(session.snapshot.state).toBe("playing");
    expect(surface.revealed).toBe("webrtc");
    expect(channel().closed).toBe(false);
  });

  it("gives up a set-up whose first picture does not come within 8 s", async () => {
    const { session, clock, channel } = setUp();
    session.observe(LIVE);
    session.start();
    channel().answer();
    await clock.advance(7_500);
    expect(session.snapshot.state).toBe("connecting");
    await clock.advance(1_000);
    expect(session.snapshot).toMatchObject({ state: "reconnecting", attempt: 1, reason: "No picture arrived" });
    expect(channel().closed).toBe(true);
  });

  it("is late after 2 s without a picture, and after five pictures of a slow camera", async () => {
    const fast = setUp();
    await fast.play();
    await fast.clock.advance(2_500);
    expect(fast.session.snapshot.state).toBe("late");

    const slow = setUp();
    await slow.play();
    slow.session.observe({ ...LIVE, fps: 1.5 });
    await slow.clock.advance(3_000);
    expect(slow.session.snapshot.state).toBe("playing");
    await slow.clock.advance(1_000);
    expect(slow.session.snapshot.state).not.toBe("playing");
  });

  it("restarts ICE once when it has stalled for 4 s, and plays on when that helps", async () => {
    const { session, clock, channel, surface, play } = setUp();
    await play();
    await clock.advance(4_500);
    expect(session.snapshot.state).toBe("stalled");
    expect(channel().restarts).toBe(1);
    await clock.advance(2_000);
    expect(channel().restarts).toBe(1);
    surface.seen?.();
    expect(session.snapshot.state).toBe("playing");
    expect(channel().closed).toBe(false);
  });

  it("begins anew after 10 s, over the last picture, with growing delays", async () => {
    const { session, clock, channels, surface, play } = setUp();
    await play();
    await clock.advance(10_500);
    expect(session.snapshot).toMatchObject({ state: "reconnecting", attempt: 1 });
    expect(surface.frozen).toBe(1);
    expect(channels[0]?.closed).toBe(true);
    const delays: number[] = [];
    for (let attempt = 1; attempt <= 7; attempt++) {
      delays.push(((session.snapshot.retryAt ?? 0) - clock.wall()) / 1_000);
      await clock.advance((session.snapshot.retryAt ?? 0) - clock.wall());
      expect(session.snapshot.state).toBe("connecting");
      channels.at(-1)?.refuse({ status: 503 });
      await settle();
    }
    expect(delays.map((delay) => Math.round(delay))).toEqual([1, 2, 4, 8, 15, 30, 30]);
  });

  it("begins anew at once when the connection fails", async () => {
    const { session, play, channel } = setUp();
    await play();
    channel().onlost("The connection was lost");
    expect(session.snapshot).toMatchObject({ state: "reconnecting", attempt: 1, reason: "The connection was lost" });
  });

  it("forgets its attempts after playing for a minute", async () => {
    const { session, clock, channel, play, picture, surface } = setUp();
    await play();
    channel().onlost("gone");
    await clock.advance(1_000);
    channel().answer();
    await clock.advance(200);
    surface.seen?.();
    await picture(30_000);
    expect(session.snapshot.attempt).toBe(1);
    await picture(32_000);
    expect(session.snapshot.attempt).toBe(0);
  });

  it("waits for the camera as the server says, without attempts of its own, and goes on with LIVE", async () => {
    const { session, clock, channels, play, surface } = setUp();
    await play();
    session.observe({ ...LIVE, state: "ERROR", reason: "the camera does not answer", retryAt: 77 });
    expect(session.snapshot).toMatchObject({ state: "waiting-camera", reason: "the camera does not answer", retryAt: 77 });
    await clock.advance(120_000);
    expect(channels).toHaveLength(1);
    expect(session.snapshot.state).toBe("waiting-camera");
    session.observe(LIVE);
    surface.seen?.();
    expect(session.snapshot.state).toBe("playing");
    expect(channels).toHaveLength(1);
  });

  it("takes a 409 as the camera's state", async () => {
    const { session, clock, channel, channels } = setUp();
    session.observe(LIVE);
    session.start();
    channel().refuse({ status: 409, code: "STREAM_NOT_LIVE", text: "the stream is ERROR" });
    await settle();
    expect(session.snapshot).toMatchObject({ state: "waiting-camera", reason: "the stream is ERROR" });
    await clock.advance(60_000);
    expect(channels).toHaveLength(1);
    session.observe({ ...LIVE, state: "ERROR" });
    session.observe(LIVE);
    expect(channels).toHaveLength(2);
  });

  it("begins anew with another producer", async () => {
    const { session, channels, play } = setUp();
    await play();
    session.observe({ ...LIVE, producer: "p2" });
    expect(channels).toHaveLength(2);
    expect(channels[0]?.closed).toBe(true);
  });

  it.each([[403, "FORBIDDEN"], [404, "NOT_FOUND"]])("is refused by a %i until somebody asks again", async (status, code) => {
    const { session, clock, channel, channels } = setUp();
    session.observe(LIVE);
    session.start();
    channel().refuse({ status, code });
    await clock.advance(120_000);
    expect(session.snapshot).toMatchObject({ state: "refused", code });
    session.hurry();
    expect(channels).toHaveLength(2);
  });

  it("waits as told when there are too many", async () => {
    const { session, clock, channel, channels } = setUp();
    session.observe(LIVE);
    session.start();
    channel().refuse({ status: 429, code: "RATE_LIMITED", retryAfterMs: 12_000 });
    await clock.advance(11_000);
    expect(session.snapshot.state).toBe("reconnecting");
    expect(channels).toHaveLength(1);
    await clock.advance(1_100);
    expect(channels).toHaveLength(2);
  });

  it("tries the next way where a codec can't be played, and is refused where there is none", async () => {
    const { session, channels } = setUp();
    session.observe({ ...LIVE, codec: "H265" });
    session.start();
    expect(channels[0]?.way).toBe("hls");
    channels[0]?.onmedia();
    expect(channels[1]?.way).toBe("still");
    channels[1]?.refuse({ status: 422, code: "NO_STILL", text: "no decoder" });
    await settle();
    expect(session.snapshot).toMatchObject({ state: "refused", reason: "no decoder" });
  });

  it("goes by HLS when two first pictures were missed, and back when a probe gets through", async () => {
    const { session, clock, channels, ways } = setUp({ carries: true });
    ways.changes.subscribe(() => session.reroute());
    session.observe(LIVE);
    session.start();
    await clock.advance(8_500);
    await clock.advance(1_500);
    await clock.advance(8_500);
    await clock.advance(3_000);
    expect(channels.map(({ way }) => way)).toEqual(["webrtc", "webrtc", "hls"]);
    expect(ways.blocked).toBe(true);
    await clock.advance(60_000);
    expect(channels.at(-1)?.way).toBe("webrtc");
  });

  it("never leaves WebRTC for a fault of the camera", async () => {
    const { session, clock, channels } = setUp();
    session.observe(LIVE);
    session.start();
    session.observe({ ...LIVE, state: "ERROR" });
    await clock.advance(60_000);
    session.observe(LIVE);
    await clock.advance(9_000);
    expect(channels.every(({ way }) => way === "webrtc")).toBe(true);
  });

  it("stops trying while the server is gone, and goes on when it is back", async () => {
    const { session, clock, channels, gate, play, server } = setUp();
    await play();
    server.answers = false;
    await clock.advance(2_500);
    expect(gate.lost).toBe(true);
    expect(session.snapshot).toMatchObject({ state: "reconnecting", reason: "Connection to the server lost", retryAt: null });
    await clock.advance(60_000);
    expect(channels).toHaveLength(1);
    server.answers = true;
    await clock.advance(8_000);
    expect(gate.lost).toBe(false);
    expect(channels).toHaveLength(2);
  });

  it("does not miss the pictures that it asked not to be sent", async () => {
    const { session, clock, play } = setUp();
    await play();
    session.wish({ max_width: 100, max_height: 100, paused: true });
    await clock.advance(60_000);
    expect(session.snapshot.state).toBe("playing");
  });

  it("counts what is decoded where nothing is presented", async () => {
    const { session, clock, channel, surface, play } = setUp();
    await play();
    surface.visible = false;
    for (let at = 0; at < 20; at++) {
      channel().frames = at * 12;
      await clock.advance(500);
    }
    expect(session.snapshot.state).toBe("playing");
  });

  it("lets go of everything when it is closed", async () => {
    const { session, clock, channels, channel, play } = setUp();
    await play();
    session.close();
    expect(channel().closed).toBe(true);
    await clock.advance(60_000);
    expect(channels).toHaveLength(1);
    expect(session.snapshot.state).toBe("idle");
  });
});
