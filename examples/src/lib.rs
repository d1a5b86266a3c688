//! Programs that use the crates of VAS; each is an example target of this package.
