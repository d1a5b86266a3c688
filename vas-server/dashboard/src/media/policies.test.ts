import { describe, expect, it } from "vitest";
import { FakeClock } from "../test/fake-clock";
import { chooseLayer, LayerPolicy, targetWidth } from "./layer-policy";
import { backoff, lateAfter } from "./live-rules";
import { SetupPool } from "./pool";
import { fragmentOf, iceServers, merged } from "./sdp-fragment";
import { ServerGate } from "./server-gate";
import { correct, SyncClock, type Synced } from "./sync-clock";
import { Ways } from "./ways";
import type { LayerWish } from "./whep";

/** Sessions, as far as these classes know them. */
const [a, b, c] = [{}, {}, {}];

describe("the layer policy", () => {
  const layers = [{ id: "main", width: 1920, height: 1080 }, { id: "sub", width: 640, height: 360 }];

  it("takes the smallest layer of at least 0.8 of the target", () => {
    expect(chooseLayer(layers, 700)?.id).toBe("sub");
    expect(chooseLayer(layers, 801)?.id).toBe("main");
    expect(chooseLayer(layers, 4_000)?.id).toBe("main");
    expect(chooseLayer([], 100)).toBeNull();
  });

  it("counts screen pixels up to two, on phones up to one and a half", () => {
    expect(targetWidth(400, 3, false)).toBe(800);
    expect(targetWidth(400, 3, true)).toBe(600);
    expect(targetWidth(400, 1, false)).toBe(400);
  });

  it("tells a new size only past 20 %, when it rests, and not within 2 s of the last", async () => {
    const clock = new FakeClock();
    const sent: LayerWish[] = [];
    const policy = new LayerPolicy(clock, (wish) => sent.push(wish));
    policy.update(400, 225, false);
    expect(sent).toHaveLength(1);
    policy.update(470, 264, false);
    await clock.advance(5_000);
    expect(sent).toHaveLength(1);
    for (let width = 500; width <= 900; width += 50) {
      policy.update(width, width, false);
      await clock.advance(20);
    }
    await clock.advance(100);
    expect(sent.map(({ max_width }) => max_width)).toEqual([400, 900]);
    policy.update(300, 300, false);
    await clock.advance(1_000);
    expect(sent).toHaveLength(2);
    await clock.advance(1_500);
    expect(sent).toHaveLength(3);
  });

  it("tells at once that a tile is paused", () => {
    const sent: LayerWish[] = [];
    const policy = new LayerPolicy(new FakeClock(), (wish) => sent.push(wish));
    policy.update(400, 225, false);
    policy.update(400, 225, true);
    expect(sent.map(({ paused }) => paused)).toEqual([false, true]);
  });
});

describe("the pool of set-ups", () => {
  it("runs four at once, the lowest rank first, then in the order of asking", () => {
    const pool = new SetupPool();
    const begun: string[] = [];
    const releases: (() => void)[] = [];
    const ask = (name: string, rank: number) => pool.request(() => rank, (release) => {
      begun.push(name);
      releases.push(release);
    });
    for (const name of ["a", "b", "c", "d"]) ask(name, 5);
    ask("e", 5);
    const leave = ask("f", 5);
    ask("selected", -1);
    expect(begun).toEqual(["a", "b", "c", "d"]);
    leave();
    releases[0]?.();
    releases[0]?.();
    expect(begun.slice(4)).toEqual(["selected"]);
    releases[1]?.();
    expect(begun.slice(4)).toEqual(["selected", "e"]);
    expect(pool.running).toBe(4);
  });
});

describe("delays", () => {
  it("grow to 30 s, and are spread by a quarter", () => {
    expect([1, 2, 3, 4, 5, 6, 9].map((attempt) => backoff(attempt, 0.5) / 1_000)).toEqual([1, 2, 4, 8, 15, 30, 30]);
    expect(backoff(1, 0)).toBe(750);
    expect(backoff(1, 1)).toBe(1_250);
  });

  it("allow slow cameras five pictures", () => {
    expect(lateAfter(25)).toBe(2_000);
    expect(lateAfter(1)).toBe(5_000);
    expect(lateAfter(null)).toBe(2_000);
  });
});

describe("the watch over the server", () => {
  it("asks the server once when all tiles stop together", async () => {
    const clock = new FakeClock();
    let probes = 0;
    const gate = new ServerGate({ clock, playing: () => 3, probe: () => Promise.resolve(++probes > 3) });
    const said: boolean[] = [];
    gate.changes.subscribe((lost) => said.push(lost));
    gate.stalled(a);
    gate.stalled(b);
    await clock.advance(500);
    expect(probes).toBe(0);
    gate.stalled(c);
    await clock.advance(0);
    expect([probes, gate.lost]).toEqual([1, true]);
    await clock.advance(8_000);
    expect(said).toEqual([true, false]);
  });

  it("does not take tiles that stop one by one for it", async () => {
    const clock = new FakeClock();
    let probes = 0;
    const gate = new ServerGate({ clock, playing: () => 2, probe: () => Promise.resolve(++probes > 0) });
    gate.stalled(a);
    await clock.advance(3_500);
    gate.stalled(b);
    await clock.advance(0);
    expect(probes).toBe(0);
  });
});

describe("the ways", () => {
  const capabilities = { webrtc: (codec: string) => codec !== "H265", mse: () => true };

  it("allow two streams by HLS over HTTP/1.1, and show stills of the others", () => {
    const ways = new Ways(capabilities, new FakeClock(), () => false, () => Promise.resolve(false));
    expect([a, b, c].map((session) => ways.choose(session, "H265"))).toEqual(["hls", "hls", "still"]);
    ways.forget(a);
    expect(ways.choose(c, "H265")).toBe("hls");
    expect(ways.choose(b, "H264")).toBe("webrtc");
  });

  it("try WebRTC again after 60 s, 5 min and 15 min", async () => {
    const clock = new FakeClock();
    const probes: number[] = [];
    const ways = new Ways(capabilities, clock, () => true, () => {
      probes.push(clock.now() / 1_000);
      return Promise.resolve(probes.length > 3);
    });
    ways.missed(a);
    expect(ways.blocked).toBe(false);
    ways.missed(a);
    await clock.advance(3_600_000);
    expect(probes).toEqual([60, 360, 1_260, 2_160]);
    expect(ways.blocked).toBe(false);
  });
});

describe("cameras in sync", () => {
  it("are left alone up to 40 ms, nudged up to 500 ms, and sent there beyond", () => {
    expect(correct(40)).toEqual({ kind: "none" });
    expect(correct(-60)).toEqual({ kind: "rate", factor: 1.06 });
    expect(correct(300)).toEqual({ kind: "rate", factor: 0.9 });
    expect(correct(-501)).toEqual({ kind: "seek" });
  });

  function player(time: number) {
    const calls: string[] = [];
    const fake: Synced & { time: number; ready: boolean; calls: string[] } = {
      time, ready: true, calls,
      seek: (at) => void calls.push(`seek ${String(at)}`),
      play: () => void calls.push("play"),
      pause: () => void calls.push("pause"),
      setRate: (rate) => void calls.push(`rate ${String(rate)}`),
      nudge: (rate) => void calls.push(`nudge ${rate.toFixed(2)}`),
    };
    return fake;
  }

  it("follow the main one, and wait while it waits", async () => {
    const clock = new FakeClock();
    const sync = new SyncClock(clock);
    const [main, near, far] = [player(10_000), player(10_100), player(14_000)];
    sync.setMain(main);
    sync.add(near);
    sync.add(far);
    sync.play();
    await clock.advance(200);
    expect(near.calls).toContain("nudge 0.90");
    expect(far.calls).toContain("seek 10000");
    expect(sync.spread).toBe(4_000);
    far.time = 10_020;
    near.time = 9_990;
    await clock.advance(200);
    expect(sync.spread).toBe(20);
    sync.pause();
    main.time = 20_000;
    near.calls.length = 0;
    await clock.advance(2_000);
    expect(near.calls).toContain("seek 20000");
    sync.play();
    main.ready = false;
    near.calls.length = 0;
    await clock.advance(200);
    expect(near.calls).toEqual(["pause"]);
  });

  it("take another main one", () => {
    const sync = new SyncClock(new FakeClock());
    const [a, b] = [player(1), player(2)];
    sync.setMain(a);
    sync.add(b);
    sync.setMain(b);
    expect(sync.time).toBe(2);
    sync.seek(5);
    expect([a.calls, b.calls]).toEqual([["seek 5"], ["seek 5"]]);
  });
});

describe("fragments of SDP", () => {
  const offer = ["v=0", "a=group:BUNDLE 0 1", "m=video 9 UDP/TLS/RTP/SAVPF 96", "c=IN IP4 0.0.0.0", "a=ice-ufrag:abc", "a=ice-pwd:secret",
    "a=mid:0", "a=candidate:1 1 udp 1 127.0.0.1 5 typ host", "a=end-of-candidates", "m=audio 9 X 97", "a=mid:1", ""].join("\r\n");

  it("hold what ICE needs of the first medium", () => {
    expect(fragmentOf(offer).split("\r\n")).toEqual(["m=video 9 UDP/TLS/RTP/SAVPF 96", "a=ice-ufrag:abc", "a=ice-pwd:secret", "a=mid:0",
      "a=candidate:1 1 udp 1 127.0.0.1 5 typ host", "a=end-of-candidates", ""]);
  });

  it("replace credentials and candidates of an answer", () => {
    const fragment = "a=ice-ufrag:new\r\na=ice-pwd:other\r\nm=video 9 X 96\r\na=mid:0\r\na=candidate:2 1 udp 1 127.0.0.1 6 typ host\r\n";
    const text = merged(offer, fragment);
    expect(text).not.toContain("abc");
    expect(text.match(/a=ice-ufrag:new/g)).toHaveLength(2);
    expect(text).toContain("a=candidate:2");
    expect(text).not.toContain("a=candidate:1");
  });

  it("name ICE servers", () => {
    expect(iceServers('<stun:s.example>; rel="ice-server", <turn:t.example?transport=udp>; rel="ice-server"; username="u"; credential="p\\"w"; credential-type="password"')).toEqual([
      { urls: "stun:s.example" }, { urls: "turn:t.example?transport=udp", username: "u", credential: 'p"w' }]);
    expect(iceServers(null)).toEqual([]);
  });
});
