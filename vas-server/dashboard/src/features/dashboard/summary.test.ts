import { describe, expect, it } from "vitest";
import type { Stream } from "../../api/types";
import { countsOf, firstSentence, secondSentence } from "./summary";

const stream = (state: Stream["state"], more: Partial<Stream> = {}): Stream =>
  ({ state, metrics: { packet_loss: 0, last_frame_age_ms: 20 }, state_reason: null, ...more }) as Stream;

const say = (streams: readonly Stream[], recording: (stream: Stream) => boolean): string => {
  const counts = countsOf(streams, recording);
  return `${firstSentence(counts)} ${secondSentence(counts)}`.trim();
};
const isLive = (one: Stream): boolean => one.state === "LIVE";

describe("the summary", () => {
  it("says how many are well, and what is wrong with the others", () => {
    const streams = [
      stream("LIVE"), stream("LIVE"), stream("READY"),
      stream("ERROR", { state_reason: { code: "UNAUTHORIZED", text: "" } }),
    ];
    expect(say(streams, isLive)).toBe("2 of 4 cameras are live and recording. One is reconnecting, one needs a new password.");
  });

  it("does not count what was stopped on purpose", () => {
    expect(say([stream("LIVE"), stream("STOPPED")], isLive)).toBe("The camera is live and recording.");
    expect(say([stream("STOPPED"), stream("STOPPED")], isLive)).toBe("All 2 cameras are stopped.");
  });

  it("tells recording from being live", () => {
    expect(say([stream("LIVE"), stream("LIVE")], () => false)).toBe("All 2 cameras are live.");
    let first = true;
    const one = (): boolean => first && !(first = false);
    expect(say([stream("LIVE"), stream("LIVE")], one)).toBe("2 of 2 cameras are live, 1 is recording.");
  });

  it("notes cameras that lose packets", () => {
    const lossy = stream("LIVE", { metrics: { packet_loss: 0.2, last_frame_age_ms: 20 } as Stream["metrics"] });
    expect(secondSentence(countsOf([lossy], isLive))).toBe("One loses packets.");
  });
});
