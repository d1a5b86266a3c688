/** `fetch` with the caller's credentials already in it (cookie and CSRF header, or a bearer token). */
export type Fetch = (url: string, init?: RequestInit) => Promise<Response>;

/** What a refusal of the server says (RFC 9457, with the contract's members). */
export interface Refusal {
  /** HTTP status; 0 where nothing answered. */
  readonly status: number;
  /** The contract's code, such as `STREAM_NOT_LIVE`. */
  readonly code: string;
  readonly text: string;
  readonly retryAfterMs: number | null;
}

export class RefusalError extends Error {
  constructor(readonly refusal: Refusal) {
    super(refusal.text);
    this.name = "RefusalError";
  }
}

interface Problem {
  error?: string;
  error_description?: string;
  details?: { retry_after_seconds?: number } | null;
}

function parse(text: string): Problem {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    // A proxy's page, perhaps; the status says enough.
    return {};
  }
}

/** Reads why a request was refused. */
export function refusalOf(response: Response, body: string): Refusal {
  const problem = parse(body);
  const seconds = Number(response.headers.get("Retry-After")) || problem.details?.retry_after_seconds || 0;
  return {
    status: response.status,
    code: problem.error ?? "HTTP_ERROR",
    text: problem.error_description ?? `The server answered ${response.status}`,
    retryAfterMs: seconds > 0 ? seconds * 1_000 : null,
  };
}

/** What a failed `fetch` comes to. */
export function unreachable(error: unknown): Refusal {
  const late = error instanceof DOMException && error.name === "TimeoutError";
  const text = late ? "The server did not answer" : "The server can’t be reached";
  return { status: 0, code: late ? "TIMEOUT" : "UNREACHABLE", text, retryAfterMs: null };
}
