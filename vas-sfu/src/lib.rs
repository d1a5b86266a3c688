//! A selective forwarding unit for cameras: WHEP, ICE-lite, DTLS-SRTP and a fan-out that costs what the kernel costs.
