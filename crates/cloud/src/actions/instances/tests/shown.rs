//! What was made of an instance is good for exactly as long as it would be made so again.

use std::collections::BTreeMap;
use std::sync::Arc;

use ec2_shapes::*;
use proptest::prelude::*;
use serde_json::Value;
use types::InstanceId;

use crate::actions::shown_instance;
use crate::actions::testbed::Bed;
use crate::reads::Reads;
use crate::resource::{self, TagSet};
use crate::state::{Operation, Record};
use crate::transaction::Transaction;

/// What was once made of an instance.
struct Made {
    record: Arc<resource::Instance>,
    shape: Instance,
    reads: Reads,
}

/// One change to whatever record there is. Numbers choose among what is there at the time.
#[derive(Debug, Clone)]
enum Edit {
    /// Some value in a record becomes another that may stand there, perhaps one of a record of its kind.
    Alter { record: usize, value: usize, like: usize },
    /// A record becomes another one that says the same.
    Renew(usize),
    /// A record goes.
    Remove(usize),
    /// A record that went comes back.
    Restore(usize),
    /// A resource has another tag.
    Tag(usize),
    /// Something is asked for.
    Ask(usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    let n = any::<usize>;
    prop_oneof![
        12 => (n(), n(), n()).prop_map(|(record, value, like)| Edit::Alter { record, value, like }),
        1 => n().prop_map(Edit::Renew),
        1 => n().prop_map(Edit::Remove),
        1 => n().prop_map(Edit::Restore),
        2 => n().prop_map(Edit::Tag),
        2 => n().prop_map(Edit::Ask),
    ]
}

/// Every value inside a record that is no list or structure, by its place.
fn leaves(value: &Value, place: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| leaves(value, &format!("{place}/{name}"), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, value)| leaves(value, &format!("{place}/{at}"), found));
        }
        _ => found.push(place.to_owned()),
    }
}

/// Whether the records of some kinds are shown with instances. The others are altered less often.
fn matters(record: &Record) -> bool {
    use Record::{Instance, NetworkInterface, SecurityGroup, TagSet, Volume, Vpc};
    matches!(record, Instance(_) | NetworkInterface(_) | SecurityGroup(_) | TagSet(_) | Volume(_) | Vpc(_))
}

/// The record with one value changed, if it is still one then.
fn altered(record: &Record, value: usize, like: &Record) -> Option<Record> {
    let mut json = serde_json::to_value(record).unwrap();
    let mut places = Vec::new();
    leaves(&json, "", &mut places);
    let place = &places[value % places.len()];
    let other = serde_json::to_value(like).unwrap().pointer(place).cloned();
    let slot = json.pointer_mut(place)?;
    let before = slot.take();
    *slot = match (&before, other) {
        (_, Some(other)) if other != before => other,
        (Value::Bool(is), _) => Value::Bool(!is),
        (Value::Number(number), _) => (number.as_u64()? + 1).into(),
        (Value::String(text), _) => format!("{text}x").into(),
        _ => return None,
    };
    serde_json::from_value(json).ok().filter(|altered: &Record| altered.key() == record.key())
}

fn carry_out(bed: &mut Bed, edit: &Edit, gone: &mut Vec<Record>) {
    let all: Vec<Record> = bed.view().records().collect();
    let shown: Vec<Record> = all.iter().filter(|record| matters(record)).cloned().collect();
    let choose = |n: usize| {
        let among = if n.is_multiple_of(4) { &all } else { &shown };
        among[n / 4 % among.len()].clone()
    };
    let mut tx = Transaction::new(&bed.state, bed.context.region.clone());
    match edit {
        Edit::Alter { record, value, like } => {
            let record = choose(*record);
            let kind = std::mem::discriminant(&record);
            let alike: Vec<&Record> = all.iter().filter(|other| std::mem::discriminant(*other) == kind).collect();
            if let Some(altered) = altered(&record, *value, alike[like % alike.len()]) {
                tx.put(altered);
            }
        }
        Edit::Renew(record) => {
            let json = serde_json::to_value(choose(*record)).unwrap();
            tx.put(serde_json::from_value::<Record>(json).unwrap());
        }
        Edit::Remove(record) => {
            let record = choose(*record);
            tx.delete(record.key());
            gone.push(record);
        }
        Edit::Restore(which) if !gone.is_empty() => tx.put(gone.swap_remove(which % gone.len())),
        Edit::Restore(_) => {}
        Edit::Tag(record) => {
            if let Some(id) = choose(*record).key().resource_id() {
                let mut tags = tx.tags_of(&id).clone();
                tags.insert("key".to_owned(), format!("{record}"));
                tx.put(TagSet { resource: id.into(), tags });
            }
        }
        Edit::Ask(which) => return ask(bed, *which),
    }
    bed.state = tx.finish().1;
}

/// Asks, and takes an answer as well as an error.
fn ask(bed: &mut Bed, which: usize) {
    let ids: Vec<String> = bed.view().instances.keys().map(ToString::to_string).collect();
    let instance_ids = ids.get(which / 4 % ids.len().max(1)).cloned().into_iter().collect();
    let _ = match which % 4 {
        0 => bed.ask(StopInstancesRequest { instance_ids, ..Default::default() }),
        1 => bed.ask(TerminateInstancesRequest { instance_ids, ..Default::default() }),
        2 => bed.ask(MonitorInstancesRequest { instance_ids, ..Default::default() }),
        _ => bed.ask(bed.launch(1)),
    };
    bed.settle();
}

fn make(bed: &Bed, record: &Arc<resource::Instance>) -> Made {
    let (shape, reads) = shown_instance(&bed.context, &bed.view(), record);
    Made { record: Arc::clone(record), shape, reads }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whichever value of whichever record changes: what is held to be good is what would be made now.
    #[test]
    fn what_is_good_is_as_new(edits in prop::collection::vec(edit(), 1..80)) {
        let mut bed = Bed::new();
        for _ in 0..2 {
            let tags = vec![crate::testing::specification("instance", &[("Name", "a")])];
            bed.run(RunInstancesRequest { tag_specifications: tags, ..bed.launch(2) });
            bed.wait_ms(1_000);
        }
        let (mut made, mut gone) = (BTreeMap::<InstanceId, Made>::new(), Vec::new());
        for edit in &edits {
            bed.wait_ms(1_000);
            carry_out(&mut bed, edit, &mut gone);
            for record in bed.view().instances.values() {
                let new = make(&bed, record);
                match made.get(&record.id) {
                    Some(old) if Arc::ptr_eq(&old.record, record) && old.reads.still_hold(&bed.view()) => {
                        prop_assert_eq!(&old.shape, &new.shape, "after {:?}", edit);
                    }
                    _ => drop(made.insert(record.id, new)),
                }
            }
        }
    }
}

#[test]
fn only_what_concerns_an_instance_ends_what_was_made_of_it() {
    let mut bed = Bed::new();
    let (one, other) = (bed.running(), bed.running());
    let made = make(&bed, bed.view().instances.get(&one).unwrap());
    let holds = |bed: &Bed, change: &dyn Fn(&mut Transaction)| {
        let mut tx = Transaction::new(&bed.state, bed.context.region.clone());
        change(&mut tx);
        made.reads.still_hold(&tx)
    };
    let renew = |record: Record| {
        let json = serde_json::to_value(record).unwrap();
        serde_json::from_value::<Record>(json).unwrap()
    };
    assert!(holds(&bed, &|_| {}));
    let tag = |id: String| {
        move |tx: &mut Transaction| {
            tx.put(TagSet { resource: id.as_str().into(), tags: [("k".to_owned(), "v".to_owned())].into() });
        }
    };
    assert!(holds(&bed, &tag(other.to_string())));
    assert!(!holds(&bed, &tag(one.to_string())), "there was no tag before");
    let mut ending = Vec::new();
    for record in bed.view().records() {
        let key = record.key();
        if !holds(&bed, &|tx| tx.put(renew(record.clone()))) {
            assert!(!holds(&bed, &|tx| tx.delete(key.clone())), "{key:?}");
            ending.push(format!("{key:?}").split('(').next().unwrap().to_owned());
        }
    }
    ending.sort();
    // Its own record is compared by whoever has it.
    assert_eq!(ending, ["NetworkInterface", "SecurityGroup", "Volume", "Vpc"]);
    let changes = bed.state.snapshot().filter(|change| matches!(change.operation, Operation::Put(_)));
    assert!(changes.count() > ending.len());
}
