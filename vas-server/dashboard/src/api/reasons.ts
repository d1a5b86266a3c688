/** What the codes of failed streams mean for whoever has to mend it. */

/** Reasons that only a person can end: a wrong password, a wrong path. */
const NEEDS_PASSWORD = "UNAUTHORIZED";
const NEEDS_ADDRESS: readonly string[] = ["NOT_FOUND", "NOT_RTSP", "NOT_ALLOWED", "HOST_UNREACHABLE", "NO_VIDEO"];

export type Remedy = "password" | "address" | "wait";

export function remedyOf(code: string): Remedy {
  if (code === NEEDS_PASSWORD) return "password";
  return NEEDS_ADDRESS.includes(code) ? "address" : "wait";
}
