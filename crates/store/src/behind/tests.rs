//! Whenever the daemon is killed: what was committed is there, as much of it as the table of records may lack.

use std::fs;
use std::path::Path;

use cloud::resource::Setting;
use cloud::{Change, Operation, Record, State};
use redb::{Database, ReadableDatabase};
use types::{Region, Timestamp};

use super::*;
use crate::disk::{Disk, FORMAT_BEHIND, LogEntry};

fn change((name, value): (u8, Option<u8>)) -> Change {
    let region: Region = "us-east-1".parse().unwrap();
    let setting = Setting { name: name.to_string().into(), value: value.unwrap_or_default().to_string() };
    let record = Record::from(setting);
    let operation = match value {
        Some(_) => Operation::Put(record),
        None => Operation::Delete(record.key()),
    };
    Change { region: Some(region), operation }
}

fn entry(changes: Vec<Change>) -> LogEntry {
    LogEntry {
        at: Timestamp::from_unix_ms(1),
        principal: "AKIA".to_owned(),
        action: "Set".to_owned(),
        request_id: "r".to_owned(),
        region: None,
        changes,
    }
}

fn everything(state: &State) -> Vec<Change> {
    state.snapshot().collect()
}

fn format(path: &Path) -> String {
    let database = Database::create(path).unwrap();
    let read = database.begin_read().unwrap();
    let found = read.open_table(META).unwrap().get("format").unwrap().unwrap();
    found.value().to_owned()
}

/// What somebody finds who opens a copy of the file as it is now.
fn found_after_kill(path: &Path, copy: &Path) -> Vec<Change> {
    fs::copy(path, copy).unwrap();
    let mut disk = Disk::open(copy).unwrap();
    everything(&disk.load().unwrap())
}

/// Numbers that are the same in every run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn entries(&mut self) -> Vec<LogEntry> {
        let change = |draw: &mut Self| {
            let value = draw.below(3) > 0;
            change((draw.below(12) as u8, value.then(|| draw.below(256) as u8)))
        };
        let changes = |draw: &mut Self| (0..draw.below(5) + 1).map(|_| change(draw)).collect();
        (0..self.below(3) + 1).map(|_| entry(changes(self))).collect()
    }
}

#[test]
fn what_was_committed_is_there_after_any_end() {
    for seed in 0..24 {
        let mut draw = Draw(seed);
        let folder = tempfile::tempdir().unwrap();
        let (path, copy) = (folder.path().join("state.redb"), folder.path().join("copy.redb"));
        let mut disk = Disk::open(&path).unwrap();
        let mut expected = disk.load().unwrap();
        for _ in 0..10 {
            match draw.below(5) {
                0 => {
                    while disk.is_behind() {
                        disk.catch_up().unwrap();
                    }
                }
                1 => {
                    fs::copy(&path, &copy).unwrap();
                    drop(disk);
                    fs::rename(&copy, &path).unwrap();
                    disk = Disk::open(&path).unwrap();
                    disk.load().unwrap();
                }
                _ => {
                    let entries = draw.entries();
                    disk.commit(&entries).unwrap();
                    entries.into_iter().flat_map(|entry| entry.changes).for_each(|change| expected.apply(change));
                    assert!(disk.is_behind());
                }
            }
            assert_eq!(found_after_kill(&path, &copy), everything(&expected), "seed {seed}");
        }
    }
}

#[test]
fn a_long_way_is_made_in_steps_beside_new_entries() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("state.redb"), folder.path().join("copy.redb"));
    let mut disk = Disk::open(&path).unwrap();
    let mut expected = disk.load().unwrap();
    let many = |value: &str| -> Vec<Change> {
        let setting = |n: usize| Setting { name: n.to_string().into(), value: value.to_owned() };
        let put = |n| Change { region: None, operation: Operation::Put(setting(n).into()) };
        (0..3 * STEP_ROWS).map(put).collect()
    };
    for value in ["a", "b"] {
        disk.commit(&[entry(many(value))]).unwrap();
        many(value).into_iter().for_each(|change| expected.apply(change));
        disk.catch_up().unwrap();
        assert_eq!(found_after_kill(&path, &copy), everything(&expected), "in the middle, {value}");
    }
    let mut steps = 0;
    while disk.is_behind() {
        disk.catch_up().unwrap();
        steps += 1;
    }
    assert_eq!(steps, 1 + 3, "what is left of the first entry, and the second");
    assert_eq!(found_after_kill(&path, &copy), everything(&expected));
}

#[test]
fn an_earlier_version_reads_only_what_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("state.redb"), folder.path().join("copy.redb"));
    let mut disk = Disk::open(&path).unwrap();
    disk.commit(&[entry(vec![change((1, Some(1)))])]).unwrap();
    fs::copy(&path, &copy).unwrap();
    assert_eq!(format(&copy), FORMAT_BEHIND);
    disk.catch_up().unwrap();
    drop(disk);
    assert_eq!(format(&path), FORMAT);

    // What an earlier version leaves: records and log, and nothing about how far the records are.
    let database = Database::create(&path).unwrap();
    let write = database.begin_write().unwrap();
    write.open_table(META).unwrap().remove(APPLIED).unwrap();
    write.commit().unwrap();
    drop(database);
    let mut disk = Disk::open(&path).unwrap();
    assert_eq!(everything(&disk.load().unwrap()), [change((1, Some(1)))]);
    assert!(!disk.is_behind());
}
