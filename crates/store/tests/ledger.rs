//! The ledger against a real file: what was answered is there after any end.

use std::collections::BTreeMap;
use std::sync::Arc;

use cloud::resource::{DhcpOptions, Setting, TagSet};
use cloud::{Key, Transaction};
use store::{Author, Ledger, StoreError, WriteError};
use types::{DhcpOptionsId, Region, Timestamp};

fn region() -> Region {
    "us-east-1".parse().unwrap()
}

fn author(action: &str) -> Author {
    Author {
        principal: "AKIA".to_owned(),
        action: action.to_owned(),
        request_id: "r".to_owned(),
        at: Timestamp::from_unix_ms(1),
    }
}

fn setting(name: &str, value: &str) -> Setting {
    Setting { name: name.into(), value: value.to_owned() }
}

async fn set(ledger: &Ledger, name: &'static str, value: &'static str) {
    ledger
        .write::<(), (), _>(region(), author("Set"), move |tx| {
            tx.put(setting(name, value));
            Ok(())
        })
        .await
        .unwrap();
}

fn value(ledger: &Ledger, name: &str) -> Option<String> {
    ledger.state().regions.get(&region())?.settings.get(name).map(|setting| setting.value.clone())
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.redb");
    let ledger = Ledger::open(&path).unwrap();
    set(&ledger, "a", "1").await;
    set(&ledger, "b", "1").await;
    set(&ledger, "a", "2").await;
    let deleted = ledger.write::<(), (), _>(region(), author("Delete"), |tx| {
        tx.delete(Key::Setting("b".into()));
        Ok(())
    });
    deleted.await.unwrap();
    ledger.close();
    drop(ledger);

    let ledger = Ledger::open(&path).unwrap();
    assert_eq!(value(&ledger, "a").as_deref(), Some("2"));
    assert_eq!(value(&ledger, "b"), None);
    let log = ledger.log(10, |_| true).unwrap();
    let actions: Vec<&str> = log.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["Delete", "Set", "Set", "Set"]);
    set(&ledger, "c", "1").await;
    assert_eq!(ledger.log(10, |_| true).unwrap().len(), 5, "the log goes on where it was");
    assert_eq!(ledger.log(10, |entry| entry.action == "Delete").unwrap().len(), 1);
}

#[tokio::test]
async fn a_refused_write_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(&dir.path().join("state.redb")).unwrap();
    let before = ledger.state().revision;
    let refused = ledger.write::<(), _, _>(region(), author("Set"), |tx| {
        tx.put(setting("a", "1"));
        Err("no")
    });
    assert!(matches!(refused.await, Err(WriteError::Refused("no"))));
    assert_eq!((value(&ledger, "a"), ledger.state().revision), (None, before));
    assert!(ledger.log(10, |_| true).unwrap().is_empty());
}

#[tokio::test]
async fn a_panic_in_a_write_stays_there() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(&dir.path().join("state.redb")).unwrap();
    let panicked = ledger.write::<(), (), _>(region(), author("Set"), |tx: &mut Transaction| {
        tx.put(setting("a", "1"));
        panic!("a bug in an action");
    });
    assert!(matches!(panicked.await, Err(WriteError::NotDurable)));
    assert_eq!(value(&ledger, "a"), None);
    set(&ledger, "a", "2").await;
    assert_eq!(value(&ledger, "a").as_deref(), Some("2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_each_see_all_before_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.redb");
    let ledger = Ledger::open(&path).unwrap();
    let writes: Vec<_> = (0..200)
        .map(|_| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                ledger
                    .write::<u32, (), _>(region(), author("Count"), |tx| {
                        let count = tx.settings.get("n").map_or(0, |s| s.value.parse::<u32>().unwrap()) + 1;
                        tx.put(setting("n", &count.to_string()));
                        Ok(count)
                    })
                    .await
                    .unwrap()
            })
        })
        .collect();
    let mut counts = Vec::new();
    for write in writes {
        counts.push(write.await.unwrap());
    }
    counts.sort_unstable();
    assert_eq!(counts, (1..=200).collect::<Vec<_>>());
    ledger.close();
    drop(ledger);
    assert_eq!(value(&Ledger::open(&path).unwrap(), "n").as_deref(), Some("200"));
}

#[tokio::test]
async fn deleting_a_resource_takes_its_tags() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(&dir.path().join("state.redb")).unwrap();
    let id = DhcpOptionsId::from_number(7);
    let done = ledger.write::<(), (), _>(region(), author("Delete"), move |tx| {
        tx.put(DhcpOptions { id, configurations: BTreeMap::new(), is_default: false });
        let tags = BTreeMap::from([("k".to_owned(), "v".to_owned())]);
        tx.put(TagSet { resource: Arc::from(id.to_string()), tags });
        tx.delete(Key::DhcpOptions(id));
        Ok(())
    });
    done.await.unwrap();
    let state = ledger.state();
    let tables = &state.regions[&region()];
    assert!(tables.dhcp_options.is_empty() && tables.tags.is_empty());
}

#[tokio::test]
async fn a_store_has_one_owner_and_a_closed_one_takes_no_writes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.redb");
    let ledger = Ledger::open(&path).unwrap();
    assert!(matches!(Ledger::open(&path), Err(StoreError::InUse)));
    ledger.close();
    let late = ledger.write::<(), (), _>(region(), author("Set"), |_| Ok(()));
    assert!(matches!(late.await, Err(WriteError::NotDurable)));
}

#[tokio::test]
async fn damage_is_an_error_and_no_panic() {
    const PAGE: usize = 4096;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.redb");
    let ledger = Ledger::open(&path).unwrap();
    for _ in 0..20 {
        set(&ledger, "a", "1").await;
    }
    ledger.close();
    drop(ledger);
    let sound = std::fs::read(&path).unwrap();
    let mut refused = 0;
    // From each page on, junk to the end: headers, trees and lists of free pages are hit in turn.
    for first in 0..sound.len() / PAGE {
        let mut damaged = sound.clone();
        for (at, byte) in damaged.iter_mut().enumerate().skip(first * PAGE) {
            *byte = (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()[0];
        }
        let copy = dir.path().join(format!("{first}.redb"));
        std::fs::write(&copy, damaged).unwrap();
        refused += usize::from(Ledger::open(&copy).is_err());
    }
    assert!(refused > 0);
}
