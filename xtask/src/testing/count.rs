//! How many tests passed and failed, out of what the runners print.

use anyhow::{Result, ensure};

/// Tests that passed and tests that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those that passed.
    pub passed: u32,
    /// Those that did not: failed, timed out, crashed, or were skipped where nothing may be skipped.
    pub failed: u32,
}

impl Counts {
    /// These counts, held against the exit status of the runner they come from.
    ///
    /// # Errors
    /// If nothing ran, or the runner failed without a failed test: it did not build, or it broke.
    pub fn checked(self, success: bool) -> Result<Self> {
        ensure!(success || self.failed > 0, "the test runner failed, with no failed test");
        ensure!(self.passed + self.failed > 0, "no test ran");
        Ok(self)
    }
}

/// The counts in `cargo nextest`'s summary: `Summary [ 1.0s] 12 tests run: 11 passed (1 slow), 1 failed, 3 skipped`.
pub fn nextest(text: &str) -> Counts {
    let mut counts = Counts::default();
    let summary = text.lines().rev().find(|line| line.trim_start().starts_with("Summary ["));
    let Some((_, rest)) = summary.and_then(|line| line.split_once(" run: ")) else { return counts };
    for part in without_parentheses(rest).split(',') {
        let mut words = part.split_whitespace();
        let number = words.next().and_then(|word| word.parse::<u32>().ok()).unwrap_or(0);
        match words.next() {
            Some("passed") => counts.passed += number,
            // Skipped are those of other layers.
            Some("skipped") | None => {}
            Some(_) => counts.failed += number,
        }
    }
    counts
}

fn without_parentheses(text: &str) -> String {
    let mut depth = 0;
    let mut kept = String::new();
    for character in text.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ if depth == 0 => kept.push(character),
            _ => {}
        }
    }
    kept
}

/// The sum of the counts in `cargo test`'s lines: `test result: ok. 5 passed; 0 failed; 1 ignored; …`.
pub fn libtest(text: &str) -> Counts {
    let mut counts = Counts::default();
    for line in text.lines().filter(|line| line.starts_with("test result: ")) {
        for part in line.split([';', '.']) {
            match part.split_whitespace().collect::<Vec<_>>()[..] {
                [number, "passed"] => counts.passed += number.parse().unwrap_or(0),
                [number, "failed"] => counts.failed += number.parse().unwrap_or(0),
                _ => {}
            }
        }
    }
    counts
}

/// The counts in the JUnit file that pytest writes. A skipped test is a failed one: every layer is told what it needs.
pub fn junit(xml: &str) -> Counts {
    let Some((_, suite)) = xml.split_once("<testsuite ") else { return Counts::default() };
    let attributes = suite.split_once('>').map_or(suite, |(head, _)| head);
    let value = |name: &str| {
        let after = attributes.split_once(&format!("{name}=\"")).map_or("", |(_, after)| after);
        after.split('"').next().and_then(|number| number.parse::<u32>().ok()).unwrap_or(0)
    };
    let failed = value("errors") + value("failures") + value("skipped");
    // A test that fails and whose teardown fails, too, is counted twice there.
    Counts { passed: value("tests").saturating_sub(failed), failed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nextest_summaries_are_read() {
        let counts = |text: &str| nextest(text);
        assert_eq!(
            counts(
                "PASS x\n     Summary [   0.1s] 12 tests run: 9 passed (1 slow, 2 leaky), 2 failed, 1 timed out, 3 skipped\n"
            ),
            Counts { passed: 9, failed: 3 }
        );
        assert_eq!(counts("Summary [ 0.1s] 1 test run: 1 passed, 0 skipped"), Counts { passed: 1, failed: 0 });
        assert_eq!(counts("error: could not compile"), Counts::default());
    }

    #[test]
    fn libtest_results_are_summed() {
        let text = "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.00s\n\
                    test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s\n";
        assert_eq!(libtest(text), Counts { passed: 6, failed: 2 });
    }

    #[test]
    fn junit_skips_and_errors_are_failures() {
        let xml = r#"<?xml version="1.0"?><testsuites><testsuite name="pytest" errors="1" failures="2" skipped="1" tests="10" time="1"><testcase tests="99"/>"#;
        assert_eq!(junit(xml), Counts { passed: 6, failed: 4 });
        assert_eq!(junit(""), Counts::default());
    }

    #[test]
    fn a_runner_that_ran_nothing_or_broke_is_a_failure() {
        assert!(Counts::default().checked(true).is_err());
        assert!(Counts { passed: 3, failed: 0 }.checked(false).is_err());
        assert!(Counts { passed: 3, failed: 1 }.checked(false).is_ok());
        assert!(Counts { passed: 3, failed: 0 }.checked(true).is_ok());
    }
}
