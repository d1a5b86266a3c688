//! Access units, the hub and the models that every crate of VAS shares.
