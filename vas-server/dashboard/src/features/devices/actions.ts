/** What can be done with devices. Each action is one call of the server; lists are worked off a few at a time. */

import { call } from "../../api/client";
import { queryClient } from "../../api/queries";
import type { Device, Probe } from "../../api/types";
import { sentenceOf } from "../../ui/States";
import { toast } from "../../ui/toast";

export interface DeviceFields {
  readonly name: string;
  readonly rtsp_url: string;
  readonly sub_rtsp_url: string | null;
  readonly location: string | null;
  readonly description: string | null;
}

interface StartAnswer {
  readonly v2_stream_id: string;
}

async function refresh(): Promise<void> {
  await Promise.all([queryClient.invalidateQueries({ queryKey: ["devices"] }), queryClient.invalidateQueries({ queryKey: ["streams"] })]);
}

export const addDevice = (fields: DeviceFields) => call<Device>("/api/v1/devices", { method: "POST", body: fields });

export const changeDevice = (id: string, fields: Partial<DeviceFields>) =>
  call<Device>(`/api/v1/devices/${id}`, { method: "PUT", body: fields });

export const validateUrl = (url: string) => call<Probe>("/api/v1/devices/validate", { method: "POST", body: { rtsp_url: url } });

export const startStream = (id: string) => call<StartAnswer>(`/api/v1/devices/${id}/start-stream`, { method: "POST" });

export type BulkAction = "start" | "stop" | "record" | "unrecord" | "delete" | "reconnect";

function callOf(action: BulkAction, id: string): Promise<unknown> {
  switch (action) {
    case "start":
      return startStream(id);
    case "stop":
      return call(`/api/v1/devices/${id}/stop-stream`, { method: "POST" });
    case "record":
      return call(`/api/v1/recordings/streams/${id}/start`, { method: "POST" });
    case "unrecord":
      return call(`/api/v1/recordings/streams/${id}/stop`, { method: "POST" });
    case "delete":
      return call(`/api/v1/devices/${id}`, { method: "DELETE" });
    case "reconnect":
      return call(`/api/v1/rtsp/streams/${id}/reconnect`, { method: "POST" });
  }
}

/** Calls at the same time. */
const AT_ONCE = 4;

/** Does something with every device; says what failed. Whether all of it succeeded. */
export async function doWith(action: BulkAction, ids: readonly string[]): Promise<boolean> {
  const waiting = [...ids];
  const failures: unknown[] = [];
  const worker = async (): Promise<void> => {
    for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
      try {
        await callOf(action, id);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  await refresh();
  if (failures.length > 0) toast({ text: sentenceOf(failures[0]), kind: "bad" });
  return failures.length === 0;
}

export { refresh };
