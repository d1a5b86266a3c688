//! The vocabulary of `mediasoup-client`, as vas-sfu reads and writes it.

use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

/// Pictures or sound.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum MediaKind {
    Audio,
    Video,
}

/// A kind of feedback about media.
#[derive(ToSchema)]
pub(crate) struct RtcpFeedback {
    /// Such as `nack`.
    r#type: String,
    /// Such as `pli`.
    #[schema(required = false)]
    parameter: String,
}

/// A codec that can be sent or received.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct RtpCodecCapability {
    #[schema(value_type = MediaKind, required = false)]
    kind: Option<MediaKind>,
    /// Such as `video/H264`.
    mime_type: String,
    #[schema(value_type = u8, required = false, maximum = 127)]
    preferred_payload_type: Option<u8>,
    clock_rate: u32,
    #[schema(value_type = u8, required = false)]
    channels: Option<u8>,
    /// Texts and whole numbers.
    #[schema(required = false)]
    parameters: Map<String, Value>,
    #[schema(required = false)]
    rtcp_feedback: Vec<RtcpFeedback>,
}

/// In which direction a header extension may be used.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum ExtensionDirection {
    Sendrecv,
    Sendonly,
    Recvonly,
    Inactive,
}

/// A header extension (RFC 8285) that can be used.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct RtpHeaderExtension {
    #[schema(value_type = MediaKind, required = false)]
    kind: Option<MediaKind>,
    uri: String,
    preferred_id: u8,
    #[schema(required = false)]
    preferred_encrypt: bool,
    #[schema(required = false)]
    direction: ExtensionDirection,
}

/// What can be sent or received.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct RtpCapabilities {
    #[schema(required = false)]
    codecs: Vec<RtpCodecCapability>,
    #[schema(required = false)]
    header_extensions: Vec<RtpHeaderExtension>,
}

/// What the server can send; `Device.load()` takes it.
#[derive(ToSchema)]
pub(crate) struct RouterCapabilities {
    rtp_capabilities: RtpCapabilities,
}

/// What a viewer can receive, and what it would have.
#[derive(ToSchema)]
#[schema(example = json!({
    "client_id": "wall-3",
    "rtp_capabilities": {
        "codecs": [{
            "kind": "video", "mimeType": "video/H264", "preferredPayloadType": 102, "clockRate": 90000,
            "parameters": { "packetization-mode": 1, "profile-level-id": "42e01f", "level-asymmetry-allowed": 1 },
            "rtcpFeedback": [{ "type": "nack", "parameter": "" }],
        }],
        "headerExtensions": [],
    },
}))]
pub(crate) struct ConsumeRequest {
    /// What the client calls itself.
    #[schema(min_length = 1, max_length = 200)]
    client_id: String,
    rtp_capabilities: RtpCapabilities,
    /// Pictures where it is left out.
    kind: Option<MediaKind>,
    /// Of an earlier answer, to add a stream to the same transport.
    transport_id: Option<Uuid>,
    /// Begin without media.
    paused: Option<bool>,
    /// Width in which the picture is shown, together with `height`.
    #[schema(minimum = 1, maximum = 16384)]
    width: Option<u32>,
    #[schema(minimum = 1, maximum = 16384)]
    height: Option<u32>,
    /// No other layer than that: its name, or its number from 0.
    #[schema(value_type = Value)]
    layer: Option<String>,
}

/// The server's ICE parameters (RFC 8445).
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct IceParameters {
    username_fragment: String,
    password: String,
    ice_lite: bool,
}

/// An address of the server.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct IceCandidate {
    foundation: String,
    priority: u32,
    ip: String,
    /// The same as `ip`.
    address: String,
    port: u16,
    #[schema(example = "host")]
    r#type: String,
    #[schema(example = "udp")]
    protocol: String,
    /// Of a TCP candidate.
    #[schema(value_type = String, required = false, example = "passive")]
    tcp_type: Option<String>,
}

/// The hash of a certificate.
#[derive(ToSchema)]
pub(crate) struct DtlsFingerprint {
    #[schema(example = "sha-256")]
    algorithm: String,
    value: String,
}

/// Which side begins the handshake.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum DtlsRole {
    Auto,
    Client,
    Server,
}

/// A side's certificates.
#[derive(ToSchema)]
pub(crate) struct DtlsParameters {
    #[schema(required = false)]
    role: DtlsRole,
    /// One of them is of SHA-256.
    #[schema(min_items = 1)]
    fingerprints: Vec<DtlsFingerprint>,
}

/// A transport to a viewer.
#[derive(ToSchema)]
pub(crate) struct ConsumerTransport {
    id: Uuid,
    ice_parameters: IceParameters,
    ice_candidates: Vec<IceCandidate>,
    dtls_parameters: DtlsParameters,
}

/// A codec as it is sent.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct RtpCodecParameters {
    mime_type: String,
    payload_type: u8,
    clock_rate: u32,
    #[schema(value_type = u8, required = false)]
    channels: Option<u8>,
    parameters: Map<String, Value>,
    rtcp_feedback: Vec<RtcpFeedback>,
}

/// A header extension as it is sent.
#[derive(ToSchema)]
pub(crate) struct RtpHeaderExtensionParameters {
    uri: String,
    id: u8,
    encrypt: bool,
    parameters: Map<String, Value>,
}

/// The stream of retransmissions.
#[derive(ToSchema)]
pub(crate) struct RtxEncoding {
    ssrc: u32,
}

/// A stream of packets.
#[derive(ToSchema)]
pub(crate) struct RtpEncoding {
    ssrc: u32,
    #[schema(value_type = RtxEncoding, required = false)]
    rtx: Option<RtxEncoding>,
}

/// How reports are sent.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct RtcpParameters {
    cname: String,
    reduced_size: bool,
    mux: bool,
}

/// What a viewer is sent.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct RtpParameters {
    #[schema(value_type = String, required = false)]
    mid: Option<String>,
    codecs: Vec<RtpCodecParameters>,
    header_extensions: Vec<RtpHeaderExtensionParameters>,
    encodings: Vec<RtpEncoding>,
    rtcp: RtcpParameters,
}

/// A STUN or TURN server, as `RTCPeerConnection` takes it.
#[derive(ToSchema)]
pub(crate) struct IceServer {
    urls: Vec<String>,
    #[schema(value_type = String, required = false)]
    username: Option<String>,
    #[schema(value_type = String, required = false)]
    credential: Option<String>,
}

/// A consumer: one stream to one viewer.
#[derive(ToSchema)]
pub(crate) struct ConsumeAnswer {
    consumer_id: Uuid,
    stream_id: Uuid,
    producer_id: Uuid,
    kind: MediaKind,
    transport: ConsumerTransport,
    rtp_parameters: RtpParameters,
    ice_servers: Vec<IceServer>,
}

/// The viewer's certificates.
#[derive(ToSchema)]
#[schema(example = json!({ "dtls_parameters": { "role": "client", "fingerprints": [{
    "algorithm": "sha-256",
    "value": "82:5A:68:3D:36:C3:0A:DE:AF:E7:32:43:D2:88:83:57:AC:2D:65:E5:80:C4:B6:FB:AF:1A:A0:21:9F:6D:0C:AD",
}] } }))]
pub(crate) struct ConnectRequest {
    dtls_parameters: DtlsParameters,
}

/// A candidate of the viewer: an object, its text, or null for the end of candidates.
#[derive(ToSchema)]
#[schema(example = json!({ "candidate": null }))]
pub(crate) struct CandidateRequest {
    #[schema(value_type = Value, required = true)]
    candidate: Option<String>,
}
