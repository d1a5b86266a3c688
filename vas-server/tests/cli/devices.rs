//! `device`: on the database, and on a running server.

use crate::support::Site;
use serde_json::json;

#[tokio::test]
async fn devices_are_kept_in_the_database_where_no_server_runs() {
    let mut site = Site::new();
    let url = "rtsp://u:planted@127.0.0.1:1/1";
    let added =
        site.run(&["device", "add", "Gate", url, "--group", "North", "--on-demand", "--json"]).json(0);
    assert_eq!(added["status"], "added");
    let said = site.run(&["device", "add", "Gate", "rtsp://127.0.0.1:1/2"]);
    said.expect(1);
    said.says(&["name is taken already"]);
    let said = site.run(&["device", "add", "Yard", "http://127.0.0.1/"]);
    said.expect(1);
    said.says(&["rtsp_url", "must begin with rtsp://"]);

    let table =
        site.write("cams.csv", "name,rtsp_url,location\nYard,rtsp://127.0.0.1:1/3,South\nBad,nonsense,\n");
    let tried = site.run(&["device", "import", &table, "--dry-run", "--json"]).json(1);
    assert_eq!((&tried["added"], &tried["failed"]), (&json!(1), &json!(1)));
    let said = site.run(&["device", "import", &table]);
    said.expect(1);
    said.says(&["Yard", "added", "Bad", "rtsp_url: not a URL", "1 device added, 1 failed"]);

    site.run(&["device", "start", "Yard"]).expect(0);
    let said = site.run(&["device", "list"]);
    said.expect(0);
    assert!(!said.out.contains("planted") && said.out.contains("u:***@"), "{said:?}");
    said.says(&["NAME", "Gate", "North", "on demand", "Yard", "yes", "2 devices"]);
    let list = site.run(&["device", "list", "--json"]).json(0);
    assert_eq!((&list[0]["name"], &list[0]["on_demand"]), (&json!("Gate"), &json!(true)));

    // What starts with the server then.
    let serving = site.serve(&["serve"]).await;
    let devices = serving.get("api/v1/devices").await;
    assert_eq!((&devices[0]["is_active"], &devices[1]["is_active"]), (&json!(true), &json!(true)));

    // Beside the server it is changed through the server, and looked at as one likes.
    let said = site.run(&["device", "delete", "Yard", "--yes"]);
    said.expect(1);
    said.says(&["a server runs on this data folder", "--server", serving.base()]);
    site.run(&["device", "list"]).expect(0);
    let base = serving.base().to_owned();
    site.set("VAS_SERVER", &base);
    site.run(&["device", "stop", "Yard"]).expect(0);
    site.run(&["device", "add", "Dock", "rtsp://127.0.0.1:1/4", "--start"]).expect(0);
    site.run(&["device", "delete", "Yard", "--yes"]).expect(0);
    let devices = serving.get("api/v1/devices").await;
    let names: Vec<_> =
        devices.as_array().unwrap().iter().map(|device| device["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Gate", "Dock"]);
    assert_eq!(devices[1]["is_active"], true);
    let said = site.run(&["device", "show", "Nowhere"]);
    said.expect(1);
    said.says(&["there is no device"]);
}

#[tokio::test]
async fn devices_go_to_another_site_with_their_passwords() {
    let mut site = Site::new();
    site.run(&["device", "add", "Gate", "rtsp://u:planted@127.0.0.1:1/1", "--autostart"]).expect(0);
    site.run(&["device", "add", "Yard", "rtsp://127.0.0.1:1/2"]).expect(0);
    let file = site.path("export.json").display().to_string();
    site.set("VAS_PASSPHRASE", "short");
    site.run(&["device", "export", "--secrets", "-o", &file]).expect(1);
    site.set("VAS_PASSPHRASE", "correct horse battery");
    site.run(&["device", "export", "--secrets", "-o", &file]).expect(0);
    assert!(!std::fs::read_to_string(&file).unwrap().contains("planted"));

    let mut other = Site::new();
    let said = other.run_with(&["device", "import", &file], "a wrong passphrase\n");
    said.expect(1);
    said.says(&["passphrase is wrong"]);
    other.set("VAS_PASSPHRASE", "correct horse battery");
    other.run(&["device", "import", &file]).expect(0);
    let again = other.run(&["device", "export", "--secrets"]).json(0);
    assert_eq!(again["devices"][0]["rtsp_url"], "rtsp://u:***@127.0.0.1:1/1");
    assert_eq!(
        (&again["devices"][0]["autostart"], &again["devices"][0]["is_active"]),
        (&json!(true), &json!(true))
    );

    // Without them a masked password is not taken for one.
    other.unset("VAS_PASSPHRASE");
    let plain = site.run(&["device", "export"]).json(0);
    let file = other.write("plain.json", &plain.to_string());
    let third = Site::new();
    let said = third.run(&["device", "import", &file]);
    said.expect(1);
    said.says(&["the password is masked", "1 device added, 1 failed"]);
}
