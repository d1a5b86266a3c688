//! Tests of the reload: files that change in all the ways in which files are replaced.

use super::*;
use parking_lot::Mutex;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use vas_core::SystemClock;

/// Longest wait for something that must happen.
const SOON: Duration = Duration::from_secs(20);

#[derive(Clone, Default)]
struct Levels(Arc<Mutex<Vec<String>>>);

impl Apply for Levels {
    async fn apply(&self, config: &Config) -> Result<(), Invalid> {
        self.0.lock().push(config.log.level.clone());
        Ok(())
    }
}

struct Running {
    live: LiveConfig,
    statuses: Statuses,
    levels: Levels,
    scope: TaskScope,
}

fn started(file: &Path) -> (Reloader<Levels>, Running) {
    let sources = Sources { file: Some(file.to_owned()), ..Sources::default() };
    let loaded = sources.load().unwrap();
    let (live, statuses) = (LiveConfig::new(loaded.config.clone()), Statuses::default());
    let levels = Levels::default();
    let clock = SystemClock::shared();
    let reloader = Reloader::new(sources, &loaded, live.clone(), statuses.clone(), clock, levels.clone());
    (reloader, Running { live, statuses, levels, scope: TaskScope::new() })
}

impl Running {
    /// Waits until the level is in force.
    async fn until_level(&self, level: &str) {
        let mut live = self.live.subscribe();
        let came = live.wait_for(|config| config.log.level == level);
        tokio::time::timeout(SOON, came).await.unwrap_or_else(|_| panic!("{level} did not come")).unwrap();
    }
}

fn level(level: &str) -> String {
    format!("[log]\nlevel = \"{level}\"\n")
}

#[tokio::test]
async fn some_settings_change_at_once_and_others_wait_for_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vas.toml");
    std::fs::write(&file, level("info")).unwrap();
    let (mut reloader, running) = started(&file);
    assert_eq!(running.statuses.current().result, None);

    std::fs::write(
        &file,
        "[log]\nlevel = \"debug\"\n[media]\nport = 1\n[http]\ncors_origins = [\"https://a.example\"]",
    )
    .unwrap();
    reloader.reload().await;
    let config = running.live.current();
    assert_eq!((config.log.level.as_str(), config.media.port), ("debug", Config::default().media.port));
    assert_eq!(config.http.cors_origins, ["https://a.example"]);
    assert_eq!(*running.levels.0.lock(), ["debug"]);
    let result = running.statuses.current().result.unwrap().unwrap();
    assert_eq!(result.applied, ["http.cors_origins", "log.level"].map(String::from).into());
    assert_eq!(result.restart_required, ["media.port".to_owned()].into());

    // A broken file changes nothing and is told.
    for broken in ["[log", "[log]\nlevel = 7\nlevl = 1", "[log]\nlevel = \"a=b=c\""] {
        std::fs::write(&file, broken).unwrap();
        reloader.reload().await;
        assert_eq!(running.live.current().log.level, "debug");
        let error = running.statuses.current().result.unwrap().unwrap_err();
        assert!(error.contains("vas.toml"), "{error}");
    }
    // What fits only together with what needs a restart.
    std::fs::write(&file, "[ingest]\nmax_connects = 2").unwrap();
    reloader.reload().await;
    assert!(running.statuses.current().result.unwrap().is_err());
    // Back to the defaults.
    std::fs::write(&file, "").unwrap();
    reloader.reload().await;
    assert_eq!(*running.live.current(), Config::default());
}

#[tokio::test]
async fn a_file_that_is_written_renamed_over_or_gone_for_a_moment_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vas.toml");
    std::fs::write(&file, level("info")).unwrap();
    let (reloader, running) = started(&file);
    reloader.run(&running.scope);
    running.until_level("info").await;
    // Written again and again until it is noticed: the watch begins in a task of its own.
    let mut live = running.live.subscribe();
    let written = async {
        loop {
            std::fs::write(&file, level("debug")).unwrap();
            tokio::time::sleep(LATEST).await;
        }
    };
    tokio::select! {
        () = written => {}
        changed = tokio::time::timeout(SOON, live.wait_for(|config| config.log.level == "debug")) => {
            changed.expect("noticed").unwrap();
        }
    }
    let next = folder.path().join("next");
    std::fs::write(&next, level("trace")).unwrap();
    std::fs::rename(&next, &file).unwrap();
    running.until_level("trace").await;
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, level("warn")).unwrap();
    running.until_level("warn").await;
    assert!(running.scope.shutdown(SOON).await);
}

#[tokio::test]
async fn links_are_followed_as_kubernetes_swaps_them() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let put = |name: &str, text: &str| {
        std::fs::create_dir(at(name)).unwrap();
        std::fs::write(at(name).join("vas.toml"), level(text)).unwrap();
    };
    put("..1", "info");
    symlink("..1", at("..data")).unwrap();
    symlink("..data/vas.toml", at("vas.toml")).unwrap();
    // And the server is given a link to that from elsewhere.
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("link.toml");
    symlink(at("vas.toml"), &file).unwrap();

    let mut watched = Watched::of(Some(file.clone()));
    for (number, text) in [(2, "debug"), (3, "trace")] {
        put(&format!("..{number}"), text);
        symlink(format!("..{number}"), at("..next")).unwrap();
        std::fs::rename(at("..next"), at("..data")).unwrap();
        std::fs::remove_dir_all(at(&format!("..{}", number - 1))).unwrap();
        tokio::time::timeout(SOON, watched.changed()).await.expect("noticed");
        watched.remember();
        assert_eq!(watched.content.as_deref(), Some(level(text).as_bytes()));
    }
    // A file in the folder that the real one lies in, written in place.
    std::fs::write(at("..3").join("vas.toml"), level("warn")).unwrap();
    tokio::time::timeout(SOON, watched.changed()).await.expect("noticed");
}
