// The playlists of recorded media (RFC 8216), as `playback.m3u8` gives them: byte ranges of stored files, each run with
// the wall time of its first picture.

/** Bytes `from..to` (exclusive) of what `url` names. */
export interface ByteRange {
  readonly url: string;
  readonly from: number;
  readonly to: number;
}

export interface Segment {
  readonly media: ByteRange;
  /** How the run's media is to be decoded. */
  readonly init: ByteRange;
  /** Wall time of the first picture, and of the end, in milliseconds since 1970. */
  readonly start: number;
  readonly end: number;
}

function byteRange(text: string, after: number): [number, number] {
  const [length, offset] = text.split("@");
  const from = offset === undefined ? after : Number(offset);
  return [from, from + Number(length)];
}

/** The segments of a playlist that was fetched from `base`, in their order. Lines that are not understood are passed over. */
export function parsePlaylist(text: string, base: string): Segment[] {
  const segments: Segment[] = [];
  let init: ByteRange | null = null;
  let range: string | null = null;
  let at: number | null = null;
  let seconds = 0;
  let last: ByteRange | null = null;
  for (const line of text.split(/\r?\n/)) {
    const value = line.slice(line.indexOf(":") + 1);
    if (line.startsWith("#EXT-X-MAP:")) {
      const [, uri] = /URI="([^"]+)"/.exec(value) ?? [];
      const [, bytes] = /BYTERANGE="([^"]+)"/.exec(value) ?? [];
      if (!uri || !bytes) continue;
      const [from, to] = byteRange(bytes, 0);
      init = { url: new URL(uri, base).href, from, to };
    } else if (line.startsWith("#EXT-X-BYTERANGE:")) {
      range = value;
    } else if (line.startsWith("#EXT-X-PROGRAM-DATE-TIME:")) {
      at = Date.parse(value);
    } else if (line.startsWith("#EXTINF:")) {
      seconds = Number.parseFloat(value);
    } else if (line && !line.startsWith("#") && init && range && at !== null) {
      const url = new URL(line, base).href;
      const [from, to] = byteRange(range, last?.url === url ? last.to : 0);
      const end: number = at + seconds * 1_000;
      last = { url, from, to };
      segments.push({ media: last, init, start: at, end });
      at = end;
      range = null;
    }
  }
  return segments;
}
