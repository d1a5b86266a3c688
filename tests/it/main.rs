//! Tests of the whole system with real parts.
