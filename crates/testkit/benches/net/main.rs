//! What the network costs, side by side in one run: connections and throughput by path, how soon a rule is in force,
//! and what many interfaces take. Prints a table, and JSON as its last line.
//!
//! Arguments choose what is measured: `paths`, `rule`, `interfaces`; after `paths`, words that names of paths contain.

mod interfaces;
mod load;
mod paths;
mod rule;

use serde_json::{Value, json};

fn main() {
    if !testkit::can_test_kernel() {
        return;
    }
    let mut figures: Vec<Value> = Vec::new();
    let mut report = |name: &str, value: f64, unit: &str, wanted: Option<&str>| {
        let wish = wanted.map(|wanted| format!("   (wanted: {wanted})")).unwrap_or_default();
        println!("  {name:<58} {value:>11.2} {unit}{wish}");
        figures.push(json!({"name": name, "value": value, "unit": unit, "wanted": wanted}));
    };
    // Cargo adds options of its own to what it was given.
    let chosen: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let (what, words) = chosen.split_first().map_or((None, &[][..]), |(what, words)| (Some(what.as_str()), words));
    let is_wanted = |part| what.is_none_or(|what| what == part);
    if is_wanted("paths") {
        paths::measure(&mut report, words);
    }
    if is_wanted("rule") {
        rule::measure(&mut report);
    }
    if is_wanted("interfaces") {
        interfaces::measure(&mut report);
    }
    println!("{}", Value::from(figures));
}

/// Takes a figure: name, value, unit, what is wanted.
pub type Report<'a> = dyn FnMut(&str, f64, &str, Option<&str>) + 'a;

/// The value that this share of the others, in percent, does not exceed.
pub fn percentile(values: &mut [f64], share: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (values.len() * share).div_ceil(100).saturating_sub(1);
    values.get(at).copied().unwrap_or(f64::NAN)
}
