//! The differential test: clouds drawn at random, real packets between everything in them, and what arrives held
//! against what the policy engine says.
//!
//! One case is a machine of its own with a few clouds, one after the other, so that every change from one to the next is
//! tried as well. All packets of a step are sent at once; each carries a number. A difference shrinks, and is written
//! to a file that can be kept in `tests/differential/cases`, whose files are tried on every run.
//!
//! `DAEMUN_DIFFERENTIAL_PACKETS` says how many packets are sent at least.

mod draw;
mod stage;

use std::cell::Cell;
use std::path::{Path, PathBuf};

use draw::{Plan, Shot, any_plan, any_shot};
use policy::{CloudTag, Operator, Traffic};
use proptest::collection::vec;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};
use stage::{Case, Stage, Step};
use testkit::{Lab, can_test_kernel};

/// How many clouds follow one another in a case, and how many packets each is asked.
const STEPS: usize = 3;
const SHOTS: usize = 60;
/// How many packets are sent where nothing else is said.
const PACKETS: usize = 2_500;

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

/// The case that was drawn. Of packets without ports it has one: each further one might belong to the same connection,
/// and would rightly pass as an answer.
fn case_of(steps: &[(Plan, Vec<Shot>)], operator: &Operator) -> Case {
    let mut portless = 0;
    let mut steps: Vec<Step> = steps
        .iter()
        .map(|(plan, shots)| {
            let topology = plan.topology(operator.clone());
            Step { packets: shots.iter().map(|shot| shot.packet(&topology)).collect(), topology }
        })
        .collect();
    for packet in steps.iter_mut().flat_map(|step| &mut step.packets) {
        if matches!(packet.traffic, Traffic::Other(_)) {
            portless += 1;
            if portless > 1 {
                packet.traffic = Traffic::Udp(443);
            }
        }
    }
    Case { steps }
}

/// Tries a case on a machine of its own; the differences, and how many packets were sent.
fn try_case(case: &Case) -> Option<(Vec<String>, usize)> {
    let lab = Lab::start()?;
    let mut stage = Stage::set(lab);
    let mut sent = 0;
    for (at, step) in case.steps.iter().enumerate() {
        let differences = stage.play(step);
        sent += step.packets.len();
        if !differences.is_empty() {
            let step = at + 1;
            let told = differences.into_iter().map(|difference| format!("step {step}: {difference}"));
            return Some((told.collect(), sent));
        }
    }
    Some((Vec::new(), sent))
}

#[test]
fn packets_arrive_as_the_engine_says() {
    if !can_test_kernel() {
        return;
    }
    let wanted =
        std::env::var("DAEMUN_DIFFERENTIAL_PACKETS").ok().and_then(|text| text.parse().ok()).unwrap_or(PACKETS);
    let cases = u32::try_from(wanted.div_ceil(STEPS * SHOTS)).expect("a sensible number of packets");
    let config = Config { cases, max_shrink_iters: 150, failure_persistence: None, ..Config::default() };
    let sent = Cell::new(0);
    let operator = operator();
    let steps = vec((any_plan(), vec(any_shot(), SHOTS)), STEPS);
    let outcome = TestRunner::new(config).run(&steps, |steps| {
        let case = case_of(&steps, &operator);
        let Some((differences, packets)) = try_case(&case) else { return Ok(()) };
        sent.set(sent.get() + packets);
        if differences.is_empty() { Ok(()) } else { Err(TestCaseError::fail(differences.join("\n"))) }
    });
    println!("{} packets sent in {cases} cases", sent.get());
    if let Err(TestError::Fail(reason, steps)) = outcome {
        let path = found_directory().join(format!("{}.json", std::process::id()));
        std::fs::create_dir_all(found_directory()).expect("a place for what was found");
        let case = case_of(&steps, &operator);
        std::fs::write(&path, serde_json::to_vec_pretty(&case).expect("a case as JSON")).expect("writing a case");
        panic!("{reason}\nThe smallest such case is in {}; keep it in tests/differential/cases.", path.display());
    }
    outcome.expect("drawing cases");
}

/// What both the old and the new cloud let through arrives throughout a change, and what neither does never.
#[test]
fn no_packet_sees_half_a_change() {
    if !can_test_kernel() {
        return;
    }
    let cases = if wanted_packets() > PACKETS { 200 } else { 8 };
    let config = Config { cases, max_shrink_iters: 60, failure_persistence: None, ..Config::default() };
    let sent = Cell::new(0);
    let operator = operator();
    let steps = vec((any_plan(), vec(any_shot(), SHOTS)), STEPS);
    let outcome = TestRunner::new(config).run(&steps, |mut steps| {
        // Two packets without ports may be one connection.
        for (_, shots) in &mut steps {
            shots.retain(|shot| !matches!(shot.traffic, Traffic::Other(_)));
        }
        let case = case_of(&steps, &operator);
        let Some(lab) = Lab::start() else { return Ok(()) };
        let mut stage = Stage::set(lab);
        for pair in case.steps.windows(2) {
            let (differences, packets) = stage.change_under_traffic(&pair[0], &pair[1]);
            sent.set(sent.get() + packets);
            if !differences.is_empty() {
                return Err(TestCaseError::fail(differences.join("\n")));
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
        let Some((differences, _)) = try_case(&case) else { return };
        assert!(differences.is_empty(), "{}:\n{}", path.display(), differences.join("\n"));
    }
}
