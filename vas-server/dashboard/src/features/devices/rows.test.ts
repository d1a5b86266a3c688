import { describe, expect, it } from "vitest";
import type { Device, Stream } from "../../api/types";
import { matches, rowsOf, sorted } from "./rows";

const device = (id: string, name: string, more: Partial<Device> = {}): Device =>
  ({ id, name, rtsp_url: `rtsp://cam/${id}`, location: null, description: null, ...more }) as Device;
const stream = (of: string, state: Stream["state"], fps = 25): Stream =>
  ({ id: "s" + of, device_id: of, state, metrics: { fps, packet_loss: 0, last_frame_age_ms: 10 }, codec_config: { video: null } }) as Stream;

const rows = rowsOf(
  [device("1", "Gate 10"), device("2", "gate 9", { location: "North" }), device("3", "Yard")],
  [stream("1", "LIVE", 12), stream("2", "ERROR")],
);
const names = (list: readonly { readonly device: Device }[]): readonly string[] => list.map((row) => row.device.name);

describe("the rows of devices", () => {
  it("are sorted as people count", () => {
    expect(names(sorted(rows, { by: "name", down: false }))).toEqual(["gate 9", "Gate 10", "Yard"]);
  });

  it("put what is worst first", () => {
    expect(names(sorted(rows, { by: "status", down: false }))).toEqual(["gate 9", "Gate 10", "Yard"]);
    expect(names(sorted(rows, { by: "fps", down: true }))).toEqual(["gate 9", "Gate 10", "Yard"]);
  });

  it("are found by text and by state", () => {
    expect(names(rows.filter((row) => matches(row, "north", "all")))).toEqual(["gate 9"]);
    expect(names(rows.filter((row) => matches(row, "", "problem")))).toEqual(["gate 9"]);
    expect(names(rows.filter((row) => matches(row, "", "live")))).toEqual(["Gate 10"]);
    expect(names(rows.filter((row) => matches(row, "", "off")))).toEqual(["Yard"]);
  });
});
