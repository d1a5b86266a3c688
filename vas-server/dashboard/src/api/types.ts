/** What the server answers with, in the fields that the dashboard uses. Times are RFC 3339 in UTC. */

export type StreamState = "INITIALIZING" | "READY" | "LIVE" | "ERROR" | "STOPPED" | "CLOSED";

export type Scope =
  | "streams:read"
  | "streams:write"
  | "streams:consume"
  | "snapshots:read"
  | "snapshots:write"
  | "bookmarks:read"
  | "bookmarks:write"
  | "admin";

export interface Session {
  readonly name: string;
  readonly role: "viewer" | "operator" | "admin";
  readonly scopes: readonly Scope[];
  readonly auth_mode: "open" | "required";
  readonly csrf_token?: string | null;
}

export interface Pagination {
  readonly total: number;
  readonly limit: number;
  readonly offset: number;
}

export interface DeviceLayer {
  readonly id: number;
  readonly width: number | null;
  readonly height: number | null;
  readonly codec: string | null;
}

export interface Device {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly rtsp_url: string;
  readonly sub_rtsp_url: string | null;
  readonly is_active: boolean;
  readonly location: string | null;
  readonly created_at: string;
  readonly updated_at: string | null;
  readonly group?: string | null;
  readonly recording?: { readonly active: boolean; readonly mode: string };
  readonly ptz?: boolean;
  readonly layers?: readonly DeviceLayer[];
}

export interface StreamMetrics {
  readonly bitrate_kbps: number;
  readonly fps: number;
  /** 0..1 */
  readonly packet_loss: number;
  readonly jitter_ms: number;
  readonly keyframe_interval_s: number | null;
  readonly last_frame_age_ms: number | null;
}

export interface VideoConfig {
  readonly codec: string;
  readonly profile: string;
  readonly width: number;
  readonly height: number;
  readonly fps: number | null;
}

export interface AudioConfig {
  readonly codec: string;
  readonly clockRate: number;
  readonly channels: number;
}

export interface Reason {
  readonly code: string;
  readonly text: string;
}

export interface Stream {
  readonly id: string;
  readonly name: string;
  readonly device_id: string;
  readonly state: StreamState;
  readonly state_reason: Reason | null;
  readonly state_since: string;
  readonly next_retry_at: string | null;
  readonly codec_config: { readonly video: VideoConfig | null; readonly audio?: AudioConfig };
  /** Another one after a stop: whoever watched the old one has to begin anew. */
  readonly producer?: { readonly id: string } | null;
  readonly consumers: { readonly count: number; readonly active: number };
  readonly endpoints: Readonly<Record<string, string>>;
  readonly metrics: StreamMetrics;
  readonly created_at: string;
  readonly started_at: string | null;
  readonly uptime_seconds: number;
  /** From events: attempts to reach the camera, and whether it is being recorded. */
  readonly attempt?: number;
  readonly recording?: boolean;
}

export interface StreamList {
  readonly streams: readonly Stream[];
  readonly pagination: Pagination;
}

export interface IngestSource {
  readonly status: StreamState;
  readonly endpoint: string | null;
  readonly transport: "udp" | "tcp" | null;
  readonly attempt: number;
  readonly next_retry_at: string | null;
  /** By how much the camera's clock runs faster than the server's, in millionths. */
  readonly health?: { readonly clock_drift_ppm: number | null };
}

export interface RecordingLayer {
  readonly layer: string;
  readonly recording: boolean;
  readonly since: string | null;
  readonly bytes: number;
  readonly missed: number;
  readonly last_error: string | null;
}

export interface RecordingStatus {
  readonly active: boolean;
  readonly mode: string;
  readonly switched: "on" | "off" | null;
  readonly layers: readonly RecordingLayer[];
  readonly error: string | null;
}

export interface Health {
  readonly stream_id: string;
  readonly status: "healthy" | "degraded" | "unhealthy";
  readonly is_healthy: boolean;
  readonly state: StreamState;
  readonly uptime_seconds: number;
  readonly metrics: StreamMetrics;
  readonly consumers: { readonly count: number; readonly active: number };
  readonly ingest: (IngestSource & { readonly layers: readonly (IngestSource & { readonly name: string })[] }) | null;
  readonly recording: RecordingStatus;
  readonly last_error: string | null;
  readonly checked_at: string;
}

export interface Probe {
  readonly valid: boolean;
  readonly rtsp_url: string;
  readonly message?: string;
  readonly error?: string;
  readonly video?: (VideoConfig & { readonly rfc6381: string | null }) | null;
  readonly audio?: { readonly codec: string; readonly clock_rate: number; readonly channels: number } | null;
}

export type CaptureStatus = "processing" | "ready" | "failed";

export interface Bookmark {
  readonly id: string;
  readonly stream_id: string;
  readonly device_id: string;
  readonly center_timestamp: string;
  readonly start_time: string;
  readonly end_time: string;
  readonly duration_seconds: number;
  readonly source: "live" | "historical";
  readonly label: string | null;
  readonly created_by: string;
  readonly event_type: string | null;
  readonly confidence: number | null;
  readonly tags: readonly string[];
  readonly video_url: string | null;
  readonly thumbnail_url: string | null;
  readonly file_size: number | null;
  readonly status: CaptureStatus;
  readonly error: string | null;
  readonly created_at: string;
}

export interface BookmarkList {
  readonly bookmarks: readonly Bookmark[];
  readonly pagination: Pagination;
}

export interface Snapshot {
  readonly id: string;
  readonly stream_id: string;
  readonly device_id: string;
  readonly timestamp: string;
  readonly source: "live" | "historical";
  readonly created_by: string;
  readonly format: string;
  readonly file_size: number | null;
  readonly width: number | null;
  readonly height: number | null;
  readonly image_url: string | null;
  readonly status: CaptureStatus;
  readonly error: string | null;
  readonly created_at: string;
}

export interface SnapshotList {
  readonly snapshots: readonly Snapshot[];
  readonly pagination: Pagination;
}

export interface Alert {
  readonly id: string;
  readonly device_id: string | null;
  readonly stream_id: string | null;
  readonly name: string | null;
  readonly severity: "critical" | "warning" | "info";
  readonly code: string;
  readonly text: string;
  readonly action: string | null;
  readonly since: string;
  readonly until: string | null;
  readonly acknowledged: { readonly at: string; readonly by: string } | null;
}

export interface AlertList {
  readonly alerts: readonly Alert[];
  readonly open: number;
  readonly unacknowledged: number;
}

export interface Activity {
  readonly id: string;
  readonly at: string;
  readonly type: "state" | "bookmark" | "snapshot" | "alert" | "sign_in";
  readonly stream_id: string | null;
  readonly device_id: string | null;
  readonly name: string | null;
  readonly text: string;
  readonly by: string | null;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface ActivityList {
  readonly items: readonly Activity[];
  readonly next_cursor: string | null;
}

export interface MetricsHistory {
  readonly start: string;
  readonly end: string;
  /** Seconds. */
  readonly step: number;
  /** Unix seconds. */
  readonly t: readonly number[];
  readonly series: Readonly<Record<string, readonly (number | null)[]>>;
}

export interface SystemStats {
  readonly uptime_seconds: number;
  readonly streams: { readonly total: number; readonly by_state: Readonly<Record<string, number>> };
  readonly consumers: number;
  readonly ingest_kbps: number;
  /** Of the server's zone at present. */
  readonly utc_offset_minutes?: number;
  readonly checked_at: string;
}

export interface SystemResources {
  readonly cpu: { readonly percent: number; readonly process_percent: number; readonly cores: number | null };
  readonly memory: {
    readonly total_bytes: number | null;
    readonly percent: number | null;
    readonly process_bytes: number | null;
  };
  readonly network: { readonly received_kbps: number; readonly sent_kbps: number };
  readonly checked_at: string;
}

export interface TimelineLane {
  readonly stream_id: string;
  readonly device_id: string;
  readonly ranges: readonly (readonly [number, number])[];
  readonly coverage: string;
  readonly activity: string | null;
  readonly gaps: readonly { readonly start: number; readonly end: number; readonly reason: string | null }[];
  readonly bookmarks: readonly { readonly id: string; readonly at: number; readonly start: number; readonly end: number; readonly label: string | null }[];
  readonly events: readonly { readonly at: number; readonly type: string; readonly count: number }[];
  readonly retained_from: number | null;
}

export interface Timeline {
  readonly bucket_ms: number;
  readonly start: number;
  readonly end: number;
  readonly buckets: number;
  readonly live_edge: number | null;
  readonly lanes: readonly TimelineLane[];
}
