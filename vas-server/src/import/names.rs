//! Main and sub streams that belong together by their names, as people name them.

/// Endings of names of sub streams.
const SUB: [&str; 9] = ["sub", "substream", "low", "lq", "lowres", "small", "sd", "minor", "detect"];
/// Endings of names of main streams.
const MAIN: [&str; 8] = ["main", "mainstream", "high", "hq", "highres", "hd", "major", "record"];

/// What a name says of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Nothing.
    Unknown,
    /// It is a main stream.
    Main,
    /// It is a sub stream.
    Sub,
}

/// The name without its ending, and what that says.
pub(super) fn split(name: &str) -> (&str, Role) {
    let Some(at) = name.rfind(['_', '-', '.', '/', ' ']) else { return (name, Role::Unknown) };
    let (base, ending) = (&name[..at], &name[at + 1..]);
    let is_one_of = |endings: &[&str]| endings.iter().any(|known| ending.eq_ignore_ascii_case(known));
    match () {
        () if base.is_empty() => (name, Role::Unknown),
        () if is_one_of(&SUB) => (base, Role::Sub),
        () if is_one_of(&MAIN) => (base, Role::Main),
        () => (name, Role::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_tell_main_and_sub_streams() {
        for (name, told) in [
            ("gate", ("gate", Role::Unknown)),
            ("gate_sub", ("gate", Role::Sub)),
            ("front-door-LQ", ("front-door", Role::Sub)),
            ("site/gate/main", ("site/gate", Role::Main)),
            ("submarine_dock", ("submarine_dock", Role::Unknown)),
            ("_sub", ("_sub", Role::Unknown)),
        ] {
            assert_eq!(split(name), told);
        }
    }
}
