/** The rows of the device table: a device with its stream, sorted and filtered as the address says. */

import type { Device, Stream } from "../../api/types";
import { statusOf, type Status } from "../../ui/Status";

export interface Row {
  readonly device: Device;
  readonly stream: Stream | undefined;
  readonly status: Status;
}

export const COLUMNS = ["status", "name", "group", "codec", "fps", "rate", "keyframe", "recording", "last"] as const;
export type Column = (typeof COLUMNS)[number];

export interface Sort {
  readonly by: Column;
  readonly down: boolean;
}

export function rowsOf(devices: readonly Device[], streams: readonly Stream[]): readonly Row[] {
  const byDevice = new Map(streams.map((stream) => [stream.device_id, stream]));
  return devices.map((device) => {
    const stream = byDevice.get(device.id);
    return { device, stream, status: stream ? statusOf(stream) : "off" };
  });
}

/** What a device belongs to. */
export function groupOf(device: Device): string {
  return device.group ?? device.location ?? "";
}

export function isRecording(row: Row): boolean {
  return row.stream?.recording ?? row.device.recording?.active ?? false;
}

/** What is worst comes first. */
const RANK: Readonly<Record<Status, number>> = { bad: 0, reconnecting: 1, warn: 2, ok: 3, off: 4 };

function valueOf(row: Row, column: Column): number | string {
  const metrics = row.stream?.metrics;
  switch (column) {
    case "status":
      return RANK[row.status];
    case "name":
      return row.device.name;
    case "group":
      return groupOf(row.device);
    case "codec":
      return row.stream?.codec_config.video?.codec ?? "";
    case "fps":
      return metrics?.fps ?? -1;
    case "rate":
      return metrics?.bitrate_kbps ?? -1;
    case "keyframe":
      return metrics?.keyframe_interval_s ?? -1;
    case "recording":
      return isRecording(row) ? 0 : 1;
    case "last":
      return metrics?.last_frame_age_ms ?? Number.MAX_SAFE_INTEGER;
  }
}

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

/** Sorted; equal ones by name. */
export function sorted(rows: readonly Row[], { by, down }: Sort): readonly Row[] {
  return [...rows].sort((a, b) => {
    const [one, two] = [valueOf(a, by), valueOf(b, by)];
    const order = typeof one === "string" && typeof two === "string" ? collator.compare(one, two) : Number(one) - Number(two);
    return (down ? -order : order) || collator.compare(a.device.name, b.device.name);
  });
}

export type StatusFilter = "all" | "problem" | "live" | "off";

export function matches(row: Row, text: string, status: StatusFilter): boolean {
  if (status === "problem" && !["bad", "warn", "reconnecting"].includes(row.status)) return false;
  if (status === "live" && row.stream?.state !== "LIVE") return false;
  if (status === "off" && row.status !== "off") return false;
  const what = text.trim().toLowerCase();
  if (what === "") return true;
  const { device } = row;
  return [device.name, groupOf(device), device.rtsp_url, device.description ?? ""].some((where) => where.toLowerCase().includes(what));
}
