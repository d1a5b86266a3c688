//! The edge of the server: what reaches it, how much of it, from where, and what it says of itself.

mod at_rest;
mod figures;
mod headers;
mod hosts;
mod rates;
mod raw;
mod slow;
mod smuggling;
mod tls;
mod traversal;
