// What a player must know of fragmented MP4 (ISO/IEC 14496-12) before it hands it to the browser: the codecs of an
// initialisation section, and the decode time at which a segment begins.

interface Box {
  readonly type: string;
  /** Where the content begins and ends. */
  readonly from: number;
  readonly to: number;
}

function typeAt(view: DataView, at: number): string {
  return String.fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3));
}

function* boxes(view: DataView, from: number, to: number): Generator<Box> {
  let at = from;
  while (at + 8 <= to) {
    let size = view.getUint32(at);
    let head = 8;
    if (size === 1 && at + 16 <= to) {
      size = Number(view.getBigUint64(at + 8));
      head = 16;
    } else if (size === 0) {
      size = to - at;
    }
    // A box that claims more than there is ends the walk: nothing after it can be trusted.
    if (size < head || at + size > to) return;
    yield { type: typeAt(view, at + 4), from: at + head, to: at + size };
    at += size;
  }
}

function find(view: DataView, from: number, to: number, path: readonly string[]): Box | null {
  const [first, ...rest] = path;
  for (const box of boxes(view, from, to)) {
    if (box.type !== first) continue;
    if (rest.length === 0) return box;
    const found = find(view, box.from, box.to, rest);
    if (found) return found;
  }
  return null;
}

const hex = (value: number) => value.toString(16).padStart(2, "0");

/** Bytes of a visual sample entry before its boxes; of an audio one. */
const VISUAL = 78;
const AUDIO = 28;

function hevc(view: DataView, from: number): string {
  const first = view.getUint8(from + 1);
  const space = ["", "A", "B", "C"][first >> 6] ?? "";
  let flags = 0;
  for (let bit = 0; bit < 32; bit++) flags |= ((view.getUint32(from + 2) >>> bit) & 1) << (31 - bit);
  const tier = first & 0x20 ? "H" : "L";
  const constraints: string[] = [];
  for (let at = 0; at < 6; at++) constraints.push(view.getUint8(from + 6 + at).toString(16).toUpperCase());
  while (constraints.at(-1) === "0") constraints.pop();
  const level = String(view.getUint8(from + 12));
  return ["hvc1", `${space}${String(first & 31)}`, (flags >>> 0).toString(16), `${tier}${level}`, ...constraints].join(".");
}

/** The name of a sample entry's codec (RFC 6381); null where it is none that is known. */
function codecOf(view: DataView, entry: Box): string | null {
  const config = (type: string, skip: number) => find(view, entry.from + skip, entry.to, [type])?.from ?? null;
  const avc = config("avcC", VISUAL);
  if (avc !== null) return `avc1.${[1, 2, 3].map((at) => hex(view.getUint8(avc + at))).join("")}`;
  const hvc = config("hvcC", VISUAL);
  if (hvc !== null) return hevc(view, hvc);
  const av1 = config("av1C", VISUAL);
  if (av1 !== null) {
    const [second, third] = [view.getUint8(av1 + 1), view.getUint8(av1 + 2)];
    const depth = third & 0x40 ? "10" : "08";
    return `av01.${String(second >> 5)}.${String(second & 31).padStart(2, "0")}${third & 0x80 ? "H" : "M"}.${depth}`;
  }
  if (config("esds", AUDIO) !== null) return "mp4a.40.2";
  if (config("dOps", AUDIO) !== null) return "opus";
  return null;
}

/** What an initialisation section says. */
export interface InitInfo {
  /** For `SourceBuffer`: such as `video/mp4; codecs="avc1.42c01e"`. */
  readonly type: string;
  /** The track of the pictures, and its ticks in a second. */
  readonly track: number;
  readonly timescale: number;
}

/** Null where there is no track of pictures. */
export function readInit(bytes: ArrayBuffer): InitInfo | null {
  const view = new DataView(bytes);
  const moov = find(view, 0, view.byteLength, ["moov"]);
  if (!moov) return null;
  const codecs: string[] = [];
  let video: { track: number; timescale: number } | null = null;
  for (const trak of boxes(view, moov.from, moov.to)) {
    if (trak.type !== "trak") continue;
    const at = (path: string[]) => find(view, trak.from, trak.to, path);
    const [tkhd, mdhd, hdlr, stsd] = [at(["tkhd"]), at(["mdia", "mdhd"]), at(["mdia", "hdlr"]), at(["mdia", "minf", "stbl", "stsd"])];
    if (!tkhd || !mdhd || !hdlr || !stsd) continue;
    const [entry] = boxes(view, stsd.from + 8, stsd.to);
    const codec = entry ? codecOf(view, entry) : null;
    if (codec) codecs.push(codec);
    if (typeAt(view, hdlr.from + 8) !== "vide") continue;
    const wide = (box: Box) => view.getUint8(box.from) === 1;
    video = {
      track: view.getUint32(tkhd.from + (wide(tkhd) ? 20 : 12)),
      timescale: view.getUint32(mdhd.from + (wide(mdhd) ? 20 : 12)),
    };
  }
  return video && { ...video, type: `video/mp4; codecs="${codecs.join(",")}"` };
}

/** The decode time at which the pictures of a segment begin, in seconds of its own timeline. */
export function firstTime(bytes: ArrayBuffer, init: InitInfo): number | null {
  const view = new DataView(bytes);
  for (const moof of boxes(view, 0, view.byteLength)) {
    if (moof.type !== "moof") continue;
    for (const traf of boxes(view, moof.from, moof.to)) {
      if (traf.type !== "traf") continue;
      const tfhd = find(view, traf.from, traf.to, ["tfhd"]);
      const tfdt = find(view, traf.from, traf.to, ["tfdt"]);
      if (!tfhd || !tfdt || view.getUint32(tfhd.from + 4) !== init.track) continue;
      const ticks = view.getUint8(tfdt.from) === 1 ? Number(view.getBigUint64(tfdt.from + 4)) : view.getUint32(tfdt.from + 4);
      return ticks / init.timescale;
    }
  }
  return null;
}
