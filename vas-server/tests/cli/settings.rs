//! `config`, `check`, `completion`, and wrong command lines.

use crate::support::Site;

#[test]
fn settings_are_printed_as_a_file_a_schema_and_as_they_hold() {
    let mut site = Site::new();
    let printed = site.run(&["config"]);
    assert!(printed.expect(0).contains("[http]") && printed.out.contains("# Address and port"));
    let schema = site.run(&["config", "--schema"]).json(0);
    let listen = &schema["$defs"]["HttpConfig"]["properties"]["listen"];
    assert!(listen["description"].as_str().is_some_and(|text| !text.is_empty()), "{listen}");
    assert!(schema["$defs"]["RecordingMode"].to_string().contains("continuous"), "{}", schema["$defs"]);

    let file =
        site.write("vas.toml", "[media]\nport = 5\n[turn]\nurls = [\"turn:t\"]\nsecret = \"planted\"\n");
    site.set("VAS_DATABASE_URL", "postgres://vas:planted@db/vas");
    site.unset("VAS_MEDIA_PORT");
    let line = |out: &str, key: &str| {
        let found = out.lines().find(|line| line.starts_with(&format!("{key} = ")));
        found.unwrap_or_else(|| panic!("{key} in {out}")).to_owned()
    };
    let said = site.run(&["config", "--effective", "--config", &file, "--log-level", "debug"]);
    let out = said.expect(0);
    assert!(!out.contains("planted"), "{out}");
    assert!(line(out, "port").starts_with("port = 5 ") && line(out, "port").contains("vas.toml"), "{out}");
    assert!(line(out, "level").contains("\"debug\"") && line(out, "level").ends_with("# --log-level"));
    assert!(
        line(out, "url").contains("postgres://vas:***@db/vas")
            && line(out, "url").ends_with("# VAS_DATABASE_URL")
    );
    assert!(line(out, "max_connections").ends_with("# default"));
    assert!(out.contains("secret = \"***\""), "{out}");
}

#[test]
fn a_check_lists_what_is_well_and_what_is_not() {
    let mut site = Site::new();
    let said = site.run(&["check"]);
    said.expect(0);
    said.says(&["✓ settings", "✓ database", "✓ disk", "✓ HTTP port", "✓ media port", "✓ clock"]);

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    site.set("VAS_HTTP_LISTEN", &taken.local_addr().unwrap().to_string());
    site.set("VAS_HTTP_LISTN", "x");
    let said = site.run(&["check", "--json"]);
    let report = said.json(1);
    assert_eq!(report["ok"], false);
    said.says(&["did you mean VAS_HTTP_LISTEN?", "http.listen"]);

    let file = site.write("vas.toml", "[recording]\nmode = \"continous\"");
    site.unset("VAS_RECORDING_MODE");
    let said = site.run(&["check", "--config", &file]);
    said.expect(1);
    said.says(&["✗ settings", "recording.mode", "did you mean continuous?"]);
}

#[test]
fn exit_codes_tell_what_was_wrong() {
    let site = Site::new();
    assert_eq!(site.run(&["no-such-command"]).code, 2);
    assert_eq!(site.run(&["device", "add", "Gate"]).code, 2);
    let said = site.run(&["--http-listen", "nonsense", "check", "--json"]);
    assert!(said.json(1)["findings"][0]["text"].as_str().unwrap().contains("--http-listen"));
    let said = site.run(&["--http-listen", "nonsense", "device", "list"]);
    said.expect(1);
    assert!(said.err.starts_with("error: --http-listen: expected address and port"), "{said:?}");
    for shell in ["bash", "zsh", "fish"] {
        assert!(site.run(&["completion", shell]).expect(0).contains("vas-server"));
    }
    for help in [&["--help"][..], &["device", "--help"], &["import", "--help"], &["user", "add", "--help"]] {
        assert!(site.run(help).expect(0).contains("Usage"));
    }
}
