//! Tests of the whole system; see `it/`.
