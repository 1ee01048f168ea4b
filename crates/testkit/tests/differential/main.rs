//! The differential test: clouds drawn at random, real packets between everything in them, and what arrives held
//! against what the policy engine says.
//!
//! One case is a machine of its own with a few clouds, one after the other, so that every change from one to the next is
//! tried as well. All packets of a step are sent at once; each carries a number. A difference shrinks, and is written
//! to a file that can be kept in `tests/differential/cases`, whose files are tried on every run.
//!
//! Of the packets that are drawn those are sent whose fates differ most. At the end stands how often each fate was met,
//! and what should have been met and never was is a failure.
//!
//! `DAEMUN_DIFFERENTIAL_PACKETS` says how many packets are sent at least.

mod cloud;
mod coverage;
mod draw;
mod ground;
mod shot;
mod stage;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use coverage::Coverage;
use draw::{Plan, any_plan};
use policy::{CloudTag, Operator, Packet, Traffic};
use proptest::collection::vec;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};
use shot::{Shot, any_shot, choose};
use stage::{Case, Difference, Stage, Step};
use testkit::{Lab, can_test_kernel};

/// How many clouds follow one another in a case, and how many packets each is asked.
const STEPS: usize = 3;
const SHOTS: usize = 120;
/// How many flows run while a cloud changes: the fewer, the more often each is looked at.
const FLOWS: usize = 60;
/// How many packets are drawn for each that is sent.
const DRAWN: usize = 6;
/// How many packets are sent where nothing else is said.
const PACKETS: usize = 2_500;
/// How often some more are sent where something was not met.
const MORE: usize = 3;
/// For how long a case with a difference is made smaller.
const SHRINKING_MS: u32 = 60_000;
/// From how many packets on the test asks that everything was met that can be.
const ENOUGH: usize = 2_000;

fn wanted_packets() -> usize {
    std::env::var("DAEMUN_DIFFERENTIAL_PACKETS").ok().and_then(|text| text.parse().ok()).unwrap_or(PACKETS)
}

/// Whose cloud a topology is says the lab.
fn operator() -> Operator {
    Operator { tag: CloudTag::from_number(1), pool: "198.18.0.0/16".parse().expect("a block") }
}

/// Where differences are written.
fn found_directory() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("differences")
}

/// The case that was drawn.
fn case_of(steps: &[(Plan, Vec<Shot>)], operator: &Operator, shots_of_step: usize) -> Case {
    let mut portless = BTreeSet::new();
    let steps = steps.iter().map(|(plan, shots)| {
        let topology = plan.topology(operator.clone());
        Step { packets: choose(&topology, shots, shots_of_step, &mut portless), topology }
    });
    Case { steps: steps.collect() }
}

/// Tries a case on a machine of its own; the differences.
fn try_case(case: &Case) -> Option<Vec<Difference>> {
    let mut stage = Stage::set(Lab::start()?);
    for (at, step) in case.steps.iter().enumerate() {
        let mut differences = stage.play(step);
        if !differences.is_empty() {
            differences.iter_mut().for_each(|difference| difference.step = at);
            return Some(differences);
        }
    }
    Some(Vec::new())
}

fn tell(differences: &[Difference]) -> String {
    let lines = differences.iter().map(|it| format!("step {}: {}", it.step + 1, it.text));
    lines.collect::<Vec<_>>().join("\n")
}

/// The case without what its differences do not need: clouds before the last one, and packets that arrive as they shall.
fn reduced(case: Case, differences: &[Difference]) -> Case {
    let mut best = case;
    let Some(last) = differences.iter().map(|difference| difference.step).max() else { return best };
    best.steps.truncate(last + 1);
    let wrong: Vec<Packet> = differences.iter().filter_map(|difference| difference.packet).collect();
    let keeps = |keep: fn(usize, usize) -> bool| {
        let steps = best.steps.iter().enumerate().filter(|(at, _)| keep(*at, last));
        let of_last = |at| if at == last { wrong.clone() } else { Vec::new() };
        let steps = steps.map(|(at, step)| Step { topology: step.topology.clone(), packets: of_last(at) });
        Case { steps: steps.collect() }
    };
    let is_wrong = |case: &Case| try_case(case).is_some_and(|differences| !differences.is_empty());
    [keeps(|at, last| at == last), keeps(|_, _| true)].into_iter().find(is_wrong).unwrap_or(best)
}

/// Writes a case with a difference to a file.
fn keep(case: Case) -> PathBuf {
    let differences = try_case(&case).unwrap_or_default();
    let case = reduced(case, &differences);
    let path = found_directory().join(format!("{}.json", std::process::id()));
    std::fs::create_dir_all(found_directory()).expect("a place for what was found");
    std::fs::write(&path, serde_json::to_vec_pretty(&case).expect("a case as JSON")).expect("writing a case");
    path
}

#[test]
fn packets_arrive_as_the_engine_says() {
    if !can_test_kernel() {
        return;
    }
    let wanted = wanted_packets();
    let met = RefCell::new(Coverage::default());
    let operator = operator();
    let steps = vec((any_plan(), vec(any_shot(), SHOTS * DRAWN)), STEPS);
    let draw = |packets: usize| {
        let cases = u32::try_from(packets.div_ceil(STEPS * SHOTS)).expect("a sensible number of packets");
        let config = Config { cases, max_shrink_time: SHRINKING_MS, failure_persistence: None, ..Config::default() };
        TestRunner::new(config).run(&steps, |steps| {
            let case = case_of(&steps, &operator, SHOTS);
            let Some(differences) = try_case(&case) else { return Ok(()) };
            if differences.is_empty() {
                case.steps.iter().for_each(|step| met.borrow_mut().add(&step.topology, &step.packets));
                return Ok(());
            }
            Err(TestCaseError::fail(tell(&differences)))
        })
    };
    let mut outcome = draw(wanted);
    // What is rare and was not met by chance may be met by a few more.
    for _ in 0..MORE {
        if outcome.is_ok() && wanted >= ENOUGH && !met.borrow().missing().is_empty() {
            outcome = draw(ENOUGH);
        }
    }
    let met = met.into_inner();
    println!("{}", met.report());
    if let Err(TestError::Fail(reason, steps)) = outcome {
        let path = keep(case_of(&steps, &operator, SHOTS));
        panic!("{reason}\nThe smallest such case is in {}; keep it in tests/differential/cases.", path.display());
    }
    outcome.expect("drawing cases");
    let missing = met.missing();
    assert!(wanted < ENOUGH || missing.is_empty(), "never met by any packet: {missing:#?}");
}

/// What both the old and the new cloud let through arrives throughout a change, and what neither does never.
#[test]
fn no_packet_sees_half_a_change() {
    if !can_test_kernel() {
        return;
    }
    let cases = if wanted_packets() > PACKETS { 200 } else { 8 };
    let config = Config { cases, max_shrink_time: SHRINKING_MS, failure_persistence: None, ..Config::default() };
    let sent = Cell::new(0);
    let operator = operator();
    let steps = vec((any_plan(), vec(any_shot(), FLOWS * 2)), STEPS);
    let outcome = TestRunner::new(config).run(&steps, |mut steps| {
        // Two packets without ports may be one connection.
        for (_, shots) in &mut steps {
            shots.retain(|shot| !matches!(shot.traffic, Traffic::Other(_)));
        }
        let case = case_of(&steps, &operator, FLOWS);
        let Some(lab) = Lab::start() else { return Ok(()) };
        let mut stage = Stage::set(lab);
        for pair in case.steps.windows(2) {
            let (differences, packets) = stage.change_under_traffic(&pair[0], &pair[1]);
            sent.set(sent.get() + packets);
            if !differences.is_empty() {
                return Err(TestCaseError::fail(tell(&differences)));
            }
        }
        Ok(())
    });
    println!("{} packets sent during changes", sent.get());
    if let Err(TestError::Fail(reason, _)) = outcome {
        panic!("{reason}");
    }
    outcome.expect("drawing cases");
}

#[test]
fn cases_once_found_hold() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential/cases");
    for entry in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let text = std::fs::read(&path).expect("reading a case");
        let case: Case = serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let Some(differences) = try_case(&case) else { return };
        assert!(differences.is_empty(), "{}:\n{}", path.display(), tell(&differences));
    }
}
