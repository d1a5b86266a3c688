//! Rules of the source tree that no compiler holds: which crate may use which, where a library's types stop, how
//! long a file may grow, and what must not be written into the repository.
//!
//! The arrows are those of ARCHITECTURE.md. A failure names the file and says what to do.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, MetadataCommand, Package};

/// The crates of the product, and the crates of the product that each may depend on. Tests and examples may depend
/// on anything.
const ARROWS: &[(&str, &[&str])] = &[
    ("vas-core", &[]),
    ("vas-ingest", &["vas-core"]),
    ("vas-sfu", &["vas-core"]),
    ("vas-record", &["vas-core"]),
    ("vas-server", &["vas-core", "vas-ingest", "vas-sfu", "vas-record"]),
    ("vas-py", &["vas-core", "vas-ingest"]),
];

/// Libraries whose types stop at one crate.
const STOPS: &[(&str, &str)] = &[
    ("axum", "vas-server"),
    ("pyo3", "vas-py"),
    ("retina", "vas-ingest"),
    ("rtc", "vas-sfu"),
    ("sea-orm", "vas-server"),
    ("sea-orm-migration", "vas-server"),
    ("webrtc", "vas-sfu"),
];

/// What may appear in one folder of a crate only: the crate, the words, the folder ("" for nowhere), the reason.
const CONFINED: &[(&str, &[&str], &str, &str)] = &[
    (
        "vas-core",
        &["tokio::net", "std::net::Tcp", "std::net::Udp", "socket2::"],
        "",
        "vas-core opens no socket",
    ),
    ("vas-core", &["std::fs", "tokio::fs"], "src/testing", "vas-core opens no file but those of its suites"),
    ("vas-server", &["sea_orm::", "sea_orm_migration::"], "src/db", "only the db module knows the database"),
];

/// Lines at which a file wants to be two.
const LONGEST: usize = 600;
/// Folders that hold nothing of ours.
const FOREIGN: &[&str] = &[".git", ".venv", "dist", "node_modules", "target"];
/// Folders of one machine or one person, which no file of the repository may name. In parts, so that this file
/// does not name them either.
const MACHINE_FOLDERS: &[&str] = &["home", "root", "Users", "work"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests live in the workspace").to_owned()
}

fn workspace() -> Metadata {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo metadata runs")
}

fn is_product(name: &str) -> bool {
    ARROWS.iter().any(|(product, _)| *product == name)
}

/// Every file of the tree below `folder`, relative to the root.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut entries = entries.expect("the tree can be read");
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let kind = entry.file_type().expect("a file has a type");
        if kind.is_file() {
            found.push(entry.path().strip_prefix(root()).expect("it lies in the tree").to_owned());
        } else if kind.is_dir() && !FOREIGN.iter().any(|foreign| entry.file_name() == *foreign) {
            files(&entry.path(), found);
        }
    }
}

/// The text files of the tree with the given extension, or all of them, with their contents.
fn texts(extension: Option<&str>) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    files(&root(), &mut found);
    found.retain(|path| extension.is_none_or(|wanted| path.extension().is_some_and(|is| is == wanted)));
    found
        .into_iter()
        .filter_map(|path| Some((path.clone(), fs::read_to_string(root().join(path)).ok()?)))
        .collect()
}

/// Fails with all the complaints at once.
fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn crates_depend_on_each_other_only_along_the_arrows() {
    let metadata = workspace();
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        ARROWS.iter().map(|(name, to)| (*name, to.iter().copied().collect())).collect();
    let mut complaints = Vec::new();
    for package in &metadata.packages {
        let name = package.name.as_str();
        let Some(allowed) = allowed.get(name) else {
            if !["vas-examples", "vas-tests"].contains(&name) {
                complaints
                    .push(format!("{name}: a new crate; say in ARROWS (tests/it/tidy.rs) what it may use"));
            }
            continue;
        };
        for dependency in &package.dependencies {
            let to = dependency.name.as_str();
            let within = is_product(to) || ["vas-examples", "vas-tests"].contains(&to);
            if within && to != name && !allowed.contains(to) {
                complaints.push(format!(
                    "{name}/Cargo.toml: must not depend on {to}; let the two meet in vas-core or in vas-server"
                ));
            }
        }
    }
    assert_eq!(metadata.packages.iter().filter(|package| is_product(&package.name)).count(), ARROWS.len());
    assert_none(&complaints);
}

#[test]
fn libraries_stop_at_their_crate() {
    let metadata = workspace();
    let mut complaints = Vec::new();
    for package in metadata.packages.iter().filter(|package| is_product(&package.name)) {
        for (library, only) in STOPS {
            if package.name.as_str() != *only && depends_on(package, library) {
                complaints.push(format!(
                    "{}/Cargo.toml: {library} is for {only} alone; put what you need of it behind {only}'s own types",
                    package.name
                ));
            }
        }
    }
    assert_none(&complaints);
}

fn depends_on(package: &Package, library: &str) -> bool {
    package.dependencies.iter().any(|dependency| dependency.name == library)
}

#[test]
fn modules_keep_to_themselves_what_is_theirs() {
    let sources = texts(Some("rs"));
    let mut complaints = Vec::new();
    for (package, words, folder, reason) in CONFINED {
        let inside = sources.iter().filter(|(path, _)| path.starts_with(Path::new(package).join("src")));
        let outside = inside
            .filter(|(path, _)| folder.is_empty() || !path.starts_with(Path::new(package).join(folder)));
        for (path, text) in outside {
            for (number, line) in code_lines(text) {
                if let Some(word) = words.iter().find(|word| line.contains(**word)) {
                    complaints
                        .push(format!("{}:{number}: `{word}` has no place here: {reason}", path.display()));
                }
            }
        }
    }
    assert_none(&complaints);
}

/// The lines of a source that are not comments, with their numbers.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[test]
fn every_source_says_what_it_is_for_and_stays_short() {
    let mut complaints = Vec::new();
    for (path, text) in texts(Some("rs")) {
        let path = path.display();
        if !text.starts_with("//!") {
            complaints.push(format!("{path}: begin with `//!` and a sentence on what the file is for"));
        }
        let lines = text.lines().count();
        if lines > LONGEST {
            complaints.push(format!(
                "{path}: {lines} lines; past {LONGEST} it wants to be two files with one job each"
            ));
        }
    }
    assert_none(&complaints);
}

#[test]
fn no_file_names_a_folder_of_one_machine() {
    let forbidden: Vec<String> = MACHINE_FOLDERS.iter().map(|name| format!("/{name}/")).collect();
    let mut complaints = Vec::new();
    for (path, text) in texts(None) {
        for (index, line) in text.lines().enumerate() {
            if forbidden.iter().any(|folder| names_folder(line, folder)) {
                complaints.push(format!(
                    "{}:{}: names a path of one machine; use one relative to the repository or a temporary folder",
                    path.display(),
                    index + 1
                ));
            }
        }
    }
    assert_none(&complaints);
}

/// Whether `line` has `folder` at the start of a path, rather than inside a longer path or a URL.
fn names_folder(line: &str, folder: &str) -> bool {
    let starts_path = |at: usize| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|before| before.is_alphanumeric() || "/._-})>".contains(before))
    };
    line.match_indices(folder).any(|(at, _)| starts_path(at))
}

#[test]
fn a_folder_inside_a_longer_path_is_no_machine_path() {
    let folder = format!("/{}/", MACHINE_FOLDERS[0]);
    let found = |before: &str| names_folder(&format!("{before}{folder}x"), &folder);
    for start in ["", "see ", "\"", "file:", "="] {
        assert!(found(start), "{start}");
    }
    for inside in ["https://vas.example", "src", "$(root)", "${x}", ".."] {
        assert!(!found(inside), "{inside}");
    }
}

#[test]
fn lock_files_name_no_private_registry() {
    let cargo = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let mut complaints = Vec::new();
    for (index, line) in cargo.lines().enumerate() {
        let source = line.strip_prefix("source = ");
        if source.is_some_and(|source| !source.contains("+https://github.com/rust-lang/crates.io-index")) {
            complaints.push(format!("Cargo.lock:{}: take it from crates.io", index + 1));
        }
    }
    for (path, text) in texts(Some("json")) {
        if path.ends_with("package-lock.json") && text.contains("\"resolved\"") {
            let advice = "make it with `npm install --package-lock-only --omit-lockfile-registry-resolved`";
            complaints.push(format!("{}: names a download address; {advice}", path.display()));
        }
    }
    assert_none(&complaints);
}
