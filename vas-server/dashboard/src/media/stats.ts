// Figures of one session, worked out from two looks at the browser's statistics.

/** What a viewer may want to know of a session. */
export interface LiveFigures {
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  readonly kbps: number;
  /** Share of packets lost since the last look, 0..1. */
  readonly loss: number;
  /** Share of pictures dropped by the browser since the last look, 0..1. */
  readonly dropped: number;
  /** From the server to the screen, in milliseconds: half a round trip, and until it is decoded. */
  readonly delayMs: number | null;
}

interface Sample {
  at: number;
  bytes: number;
  received: number;
  lost: number;
  frames: number;
  dropped: number;
  buffered: number;
  emitted: number;
  processing: number;
  decoding: number;
}

function share(part: number, rest: number): number {
  return part > 0 ? part / (part + Math.max(rest, 0)) : 0;
}

export class StatsReader {
  #last: Sample | null = null;

  /** Null at the first look, and where the session has no video. */
  read(report: RTCStatsReport): LiveFigures | null {
    let inbound: RTCInboundRtpStreamStats | null = null;
    let roundTrip: number | null = null;
    report.forEach((entry: RTCStats) => {
      if (entry.type === "inbound-rtp" && (entry as RTCInboundRtpStreamStats).kind === "video") {
        inbound = entry as RTCInboundRtpStreamStats;
      } else if (entry.type === "candidate-pair") {
        const pair = entry as RTCIceCandidatePairStats;
        if (pair.nominated && pair.currentRoundTripTime !== undefined) roundTrip = pair.currentRoundTripTime;
      }
    });
    return inbound ? this.#compare(inbound, roundTrip) : null;
  }

  #compare(entry: RTCInboundRtpStreamStats, roundTrip: number | null): LiveFigures | null {
    const now: Sample = {
      at: entry.timestamp,
      bytes: entry.bytesReceived ?? 0,
      received: entry.packetsReceived ?? 0,
      lost: entry.packetsLost ?? 0,
      frames: entry.framesDecoded ?? 0,
      dropped: entry.framesDropped ?? 0,
      buffered: entry.jitterBufferDelay ?? 0,
      emitted: entry.jitterBufferEmittedCount ?? 0,
      processing: entry.totalProcessingDelay ?? 0,
      decoding: entry.totalDecodeTime ?? 0,
    };
    const last = this.#last;
    this.#last = now;
    const seconds = last ? (now.at - last.at) / 1_000 : 0;
    if (!last || seconds <= 0 || now.frames < last.frames) return null;
    const since = (key: keyof Sample) => now[key] - last[key];
    const frames = since("frames");
    const emitted = since("emitted");
    // From the arrival of a picture's first packet until it is decoded; browsers without that tell its two parts.
    const parts = emitted > 0 && frames > 0 ? since("buffered") / emitted + since("decoding") / frames : null;
    const waited = frames > 0 && now.processing > 0 ? since("processing") / frames : parts;
    return {
      width: entry.frameWidth ?? 0,
      height: entry.frameHeight ?? 0,
      fps: frames / seconds,
      kbps: (since("bytes") * 8) / 1_000 / seconds,
      loss: share(since("lost"), since("received")),
      dropped: share(since("dropped"), frames),
      delayMs: waited === null ? null : Math.round((waited + (roundTrip ?? 0) / 2) * 1_000),
    };
  }
}
