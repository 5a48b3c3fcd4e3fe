use super::*;
use crate::testing::{Db, on_both};

on_both!(
    a_later_version_is_refused,
    a_failing_migration_leaves_nothing_behind,
    stores_that_open_together_migrate_once,
);

const BROKEN: (&str, &str) = (
    "broken",
    "CREATE TABLE half (id TEXT); CREATE TABLE wake (id TEXT);",
);
const MENDED: (&str, &str) = ("mended", "CREATE TABLE half (id TEXT);");

fn with(extra: (&'static str, &'static str)) -> Vec<(&'static str, &'static str)> {
    MIGRATIONS.iter().copied().chain([extra]).collect()
}

async fn a_later_version_is_refused(db: &Db) {
    let store = db.open().await;
    run_list(&store, &with(MENDED)).await.unwrap();
    let program = i64::try_from(MIGRATIONS.len()).unwrap();
    let error = Store::open(&db.url, crate::testing::key(1))
        .await
        .unwrap_err();
    assert_eq!(
        error,
        StoreError::Newer {
            database: program + 1,
            program
        }
    );
    assert!(error.to_string().contains("or a later one"), "{error}");
}

async fn a_failing_migration_leaves_nothing_behind(db: &Db) {
    let store = db.open().await;
    run_list(&store, &with(BROKEN)).await.unwrap_err();
    // The half that worked was taken back, so the same table can be made now.
    run_list(&store, &with(MENDED)).await.unwrap();
    run_list(&store, &with(MENDED)).await.unwrap();
}

async fn stores_that_open_together_migrate_once(db: &Db) {
    let (one, two, three) = tokio::join!(db.open(), db.open(), db.open());
    for store in [one, two, three] {
        let mut transaction = store.write().await.unwrap();
        let program = i64::try_from(MIGRATIONS.len()).unwrap();
        assert_eq!(version(&mut transaction).await.unwrap(), program);
    }
}

#[test]
fn files_and_list_agree() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let listed: Vec<String> = (1..)
        .zip(MIGRATIONS)
        .map(|(version, (name, _)): (u32, _)| format!("{version:04}_{name}.sql"))
        .collect();
    assert_eq!(files, listed);
}

#[test]
fn every_column_has_a_comment() {
    for (name, script) in MIGRATIONS {
        let mut previous = "";
        for line in script.lines() {
            let column = line.starts_with("    ") && !line.trim_start().starts_with("--");
            let constraint = line.trim_start().starts_with("PRIMARY KEY");
            let commented = previous.trim_start().starts_with("--");
            assert!(!column || constraint || commented, "{name}: {line}");
            assert!(
                !line.starts_with("CREATE TABLE") || commented,
                "{name}: {line}"
            );
            previous = line;
        }
    }
}
