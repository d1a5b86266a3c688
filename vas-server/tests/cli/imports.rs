//! `import`: the samples of the three servers.

use crate::support::Site;
use serde_json::json;

const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/import/samples");

#[test]
fn a_file_is_shown_first_and_added_on_demand() {
    let mut site = Site::new();
    site.set("GATE_PASSWORD", "n0rth");
    let file = format!("{SAMPLES}/go2rtc.yaml");
    let said = site.run(&["import", &file]);
    said.expect(0);
    said.says(&["go2rtc: 3 cameras", "gate", "u", "LEFT OUT", "doorbell", "SHED_PASSWORD", "add --apply"]);
    assert!(!["n0rth", "secret-a", "secret-b"].iter().any(|secret| said.out.contains(secret)), "{said:?}");
    assert_eq!(site.run(&["device", "list", "--json"]).json(0), json!([]));

    let applied = site.run(&["import", &file, "--apply", "--json"]).json(0);
    assert_eq!((&applied["added"], &applied["failed"]), (&json!(3), &json!(0)));
    assert_eq!(applied["missing_variables"], json!(["SHED_PASSWORD"]));
    let devices = site.run(&["device", "list", "--json"]).json(0);
    assert_eq!((&devices[0]["name"], &devices[0]["on_demand"]), (&json!("gate"), &json!(true)));
    assert_eq!(devices[0]["sub_rtsp_url"], "rtsp://admin:***@192.0.2.10/ch1");

    // Once more: they are there already.
    let again = site.run(&["import", &file, "--apply", "--json"]).json(1);
    assert_eq!(again["failed"], json!(3));
}

#[test]
fn the_other_two_are_known_and_anything_else_is_refused() {
    let mut site = Site::new();
    let said = site.run(&["import", &format!("{SAMPLES}/mediamtx.yml"), "--apply", "--start"]);
    said.expect(0);
    said.says(&["gate", "3 devices added", "whip://"]);
    site.set("FRIGATE_RTSP_PASSWORD", "s0uth");
    let found = site.run(&["import", &format!("{SAMPLES}/frigate.yml"), "--json"]).json(1);
    // `gate` and `yard` are there from MediaMTX.
    assert_eq!((&found["format"], &found["failed"]), (&json!("Frigate"), &json!(2)), "{found}");
    let file = site.write("other.yml", "hello: [world");
    let said = site.run(&["import", &file]);
    said.expect(1);
    said.says(&["other.yml", "line"]);
    site.run(&["import", "nowhere.yml"]).expect(1);
}
