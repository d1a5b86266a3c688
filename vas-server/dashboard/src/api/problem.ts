/**
 * Errors of the server: `application/problem+json` (RFC 9457) with the members that the API's description gives.
 * Every failed call is thrown as an `ApiError`, also when no answer came at all (`status` 0).
 */

export interface Problem {
  readonly status: number;
  /** Stable code, such as NOT_FOUND or STREAM_NOT_LIVE. */
  readonly error: string;
  /** The sentence for a person. */
  readonly error_description: string;
  readonly details: Readonly<Record<string, unknown>> | null;
  readonly request_id: string | null;
}

export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly details: Readonly<Record<string, unknown>> | null;
  readonly requestId: string | null;
  /** Seconds that the server asks to wait, or null. */
  readonly retryAfter: number | null;

  constructor(problem: Problem, retryAfter: number | null = null) {
    super(problem.error_description);
    this.name = "ApiError";
    this.status = problem.status;
    this.code = problem.error;
    this.details = problem.details;
    this.requestId = problem.request_id;
    this.retryAfter = retryAfter;
  }

  /** What is wrong with each field, by its name; of a 422. */
  get fields(): Readonly<Record<string, string>> {
    const fields = this.details?.["fields"];
    return isRecord(fields) ? (fields as Record<string, string>) : {};
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

/** The error of an answer whose status says that it is one. */
export async function problemOf(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => null);
  const members = isRecord(body) ? body : {};
  const details = members["details"];
  const wait = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  return new ApiError(
    {
      status: response.status,
      error: text(members["error"]) ?? "HTTP_" + String(response.status),
      error_description: text(members["error_description"]) ?? text(members["detail"]) ?? response.statusText,
      details: isRecord(details) ? details : null,
      request_id: text(members["request_id"]) ?? response.headers.get("X-Request-Id"),
    },
    Number.isFinite(wait) ? wait : null,
  );
}

/** The error of a call that got no answer. */
export function unreachable(): ApiError {
  return new ApiError({
    status: 0,
    error: "UNREACHABLE",
    error_description: "The server does not answer.",
    details: null,
    request_id: null,
  });
}
