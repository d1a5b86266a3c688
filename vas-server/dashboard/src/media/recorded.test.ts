import { expect, it } from "vitest";
import { FakeClock } from "../test/fake-clock";
import { firstTime, readInit } from "./mp4";
import { parsePlaylist } from "./playlist";
import { RecordedIndex, WINDOW_MS } from "./recorded-index";

const BASE = "http://vas.example/v2/streams/a/playback.m3u8?start=1";

const playlist = (at: string, count: number) => [
  "#EXTM3U", "#EXT-X-TARGETDURATION:6", '#EXT-X-MAP:URI="media/one.mp4",BYTERANGE="677@0"', "#EXT-X-BYTERANGE:100@677",
  `#EXT-X-PROGRAM-DATE-TIME:${at}`, "#EXTINF:6,", "media/one.mp4",
  ...Array.from({ length: count - 1 }, () => ["#EXT-X-BYTERANGE:200", "#EXTINF:6,", "media/one.mp4"]).flat(),
].join("\n");

it("a playlist's segments have bytes, and times that go on", () => {
  const text = `${playlist("2026-11-22T14:00:00.000Z", 3)}\n#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI="media/two.mp4",BYTERANGE="700@0"
#EXT-X-BYTERANGE:50@700\n#EXT-X-PROGRAM-DATE-TIME:2026-11-22T14:10:00.000Z\n#EXTINF:2.5,\nmedia/two.mp4\n#EXT-X-ENDLIST\n`;
  const segments = parsePlaylist(text, BASE);
  const start = Date.UTC(2026, 10, 22, 14);
  expect(segments.map(({ start: at, end }) => [at - start, end - start])).toEqual([[0, 6_000], [6_000, 12_000], [12_000, 18_000], [600_000, 602_500]]);
  expect(segments[1]?.media).toEqual({ url: "http://vas.example/v2/streams/a/media/one.mp4", from: 777, to: 977 });
  expect(segments[3]?.init).toEqual({ url: "http://vas.example/v2/streams/a/media/two.mp4", from: 0, to: 700 });
  expect(parsePlaylist("nonsense\n#EXTINF:x", BASE)).toEqual([]);
});

function box(type: string, ...content: (number[] | Uint8Array)[]): Uint8Array {
  const body = content.flatMap((part) => [...part]);
  const bytes = new Uint8Array(8 + body.length);
  new DataView(bytes.buffer).setUint32(0, bytes.length);
  bytes.set([...type].map((char) => char.charCodeAt(0)), 4);
  bytes.set(body, 8);
  return bytes;
}

const u32 = (value: number) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
const zeros = (count: number) => Array.from({ length: count }, () => 0);

it("an initialisation section tells its codecs, a segment when it begins", () => {
  const avc1 = box("avc1", zeros(78), box("avcC", [1, 0x64, 0x00, 0x1f, 0xff]));
  const trak = box("trak",
    box("tkhd", zeros(12), u32(7), zeros(60)),
    box("mdia", box("mdhd", zeros(12), u32(90_000), zeros(8)), box("hdlr", zeros(8), [..."vide"].map((char) => char.charCodeAt(0)), zeros(12)),
      box("minf", box("stbl", box("stsd", zeros(4), u32(1), avc1)))));
  const init = readInit(box("moov", trak).buffer as ArrayBuffer);
  expect(init).toEqual({ track: 7, timescale: 90_000, type: 'video/mp4; codecs="avc1.64001f"' });
  if (!init) return;
  const traf = (track: number, ticks: number) => box("traf", box("tfhd", zeros(4), u32(track)), box("tfdt", [1, 0, 0, 0], u32(0), u32(ticks)));
  const segment = box("moof", box("mfhd", zeros(8)), traf(3, 1), traf(7, 450_000));
  expect(firstTime(segment.buffer as ArrayBuffer, init)).toBe(5);
  // A box that claims more bytes than there are is not followed.
  const cut = segment.slice(0, segment.length - 9);
  expect(firstTime(cut.buffer as ArrayBuffer, init)).toBeNull();
  expect(readInit(new ArrayBuffer(3))).toBeNull();
});

it("recordings are looked for by the hour, and behind a gap by the list of ranges", async () => {
  const clock = new FakeClock();
  const hour = Math.floor(clock.wall() / WINDOW_MS) * WINDOW_MS;
  const asked: string[] = [];
  const index = new RecordedIndex({
    clock,
    playlist: (start) => `/p/${String((start - hour) / WINDOW_MS)}`,
    ranges: () => "/ranges",
    fetch: (url) => {
      asked.push(url);
      if (url === "/ranges") return Promise.resolve(Response.json({ ranges: [{ layer: "main", start: new Date(hour + 1_000).toISOString() }] }));
      if (url === "/p/-5") return Promise.resolve(new Response(playlist(new Date(hour - 5 * WINDOW_MS).toISOString(), 3)));
      if (url === "/p/0") return Promise.resolve(new Response(playlist(new Date(hour + 1_000).toISOString(), 2)));
      return Promise.resolve(Response.json({ error: "NO_RECORDING" }, { status: 404 }));
    },
  });
  const first = await index.segmentAt(hour - 5 * WINDOW_MS + 7_000);
  expect(first?.start).toBe(hour - 5 * WINDOW_MS + 6_000);
  await index.segmentAt(hour - 5 * WINDOW_MS + 13_000);
  expect(asked).toEqual(["/p/-5"]);
  const next = await index.segmentAt(hour - 5 * WINDOW_MS + 60_000);
  expect(next?.start).toBe(hour + 1_000);
  expect(asked.slice(1)).toEqual(["/p/-4", "/ranges", "/p/0"]);
  // The hour that goes on is looked at again, though not at once.
  expect(await index.segmentAt(hour + 20_000)).toBeNull();
  await clock.advance(3_000);
  await index.segmentAt(hour + 20_000);
  expect(asked.filter((url) => url === "/p/0").length).toBeGreaterThan(1);
});
