/** The server's settings as `/v2/settings` gives them, and how their values are typed in. */

import { call } from "../../api/client";

export interface Setting {
  readonly key: string;
  readonly value: unknown;
  readonly default: unknown;
  readonly source: "default" | "file" | "overlay" | "environment" | "flag";
  readonly editable: boolean;
  /** Holds from the next start on. */
  readonly restart: boolean;
  readonly description: string;
}

export interface Section {
  readonly name: string;
  readonly settings: readonly Setting[];
}

export interface ServerSettings {
  readonly sections: readonly Section[];
  readonly restart_pending: readonly string[];
}

export const PATH = "/v2/settings";

export function saveSettings(changes: Readonly<Record<string, unknown>>): Promise<ServerSettings> {
  return call<ServerSettings>(PATH, { method: "PUT", body: { settings: changes } });
}

/** A value as a text to be edited; lists with commas. */
export function textOf(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return value.every((item) => typeof item === "string" || typeof item === "number") ? value.join(", ") : JSON.stringify(value);
  return typeof value === "object" ? JSON.stringify(value) : String(value as string | number | boolean);
}

/** The value that a text stands for, of the kind that the setting has; undefined where it is none. */
export function valueOf(text: string, like: unknown): unknown {
  const trimmed = text.trim();
  if (typeof like === "number") {
    const number = Number(trimmed);
    return trimmed !== "" && Number.isFinite(number) ? number : undefined;
  }
  if (typeof like === "boolean") return trimmed === "true";
  if (Array.isArray(like)) {
    const simple = like.every((item) => typeof item === "string" || typeof item === "number");
    if (simple) return trimmed === "" ? [] : trimmed.split(",").map((part) => part.trim()).filter(Boolean);
  }
  if (typeof like === "object" && like !== null) {
    try {
      return JSON.parse(trimmed) as unknown;
    } catch {
      return undefined;
    }
  }
  return trimmed;
}
