//! The part of the model that the actions file asks for.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};

use super::model::{Model, Operation, Shape};

/// The longest string enum that becomes a Rust enum; longer ones (`InstanceType`) grow every week and stay strings.
const MAX_VARIANTS: usize = 60;

/// Shapes that the cloud keeps as they came, and those they are given back as or become a part of: these can be read
/// and written with serde, and everything inside them. Where both sides have the same members, one is read from what the
/// other wrote.
const STORED: [&str; 9] = [
    "RequestLaunchTemplateData",
    "ResponseLaunchTemplateData",
    "RunInstancesRequest",
    "CreateFleetRequest",
    "FleetData",
    "RequestSpotInstancesRequest",
    "LaunchSpecification",
    "SpotFleetRequestConfigData",
    "InstanceRequirements",
];

/// An action to generate.
pub struct Action<'m> {
    /// Its name.
    pub name: &'m str,
    /// Whether it changes anything.
    pub writes: bool,
    /// How much stands behind its answer: 1, 2 or 3.
    pub tier: u8,
    /// Its shapes.
    pub operation: &'m Operation,
}

/// On which sides of the wire a shape is seen.
#[derive(Clone, Copy, Default)]
pub struct Sides {
    /// In requests.
    pub request: bool,
    /// In answers.
    pub answer: bool,
}

/// What to generate.
pub struct Selection<'m> {
    /// The actions, by name.
    pub actions: Vec<Action<'m>>,
    /// Every shape they reach.
    pub shapes: BTreeMap<&'m str, Sides>,
    /// The shapes that are some action's whole request.
    pub inputs: BTreeSet<&'m str>,
    /// The shapes that are some action's whole answer.
    pub outputs: BTreeSet<&'m str>,
    /// The structures that can be stored.
    pub stored: BTreeSet<&'m str>,
}

impl<'m> Selection<'m> {
    /// Reads the text of the actions file and collects what it needs of the model.
    pub fn new(model: &'m Model, actions: &str) -> Result<Self> {
        let mut chosen = BTreeMap::new();
        for (at, line) in actions.lines().enumerate() {
            let line = line.split('#').next().unwrap_or("").trim();
            if line.is_empty() {
                continue;
            }
            let (name, writes, tier) = parse_line(line).with_context(|| format!("line {}", at + 1))?;
            let (name, operation) = (model.operations.get_key_value(name))
                .with_context(|| format!("line {}: EC2 has no action {name}", at + 1))?;
            let action = Action { name, writes, tier, operation };
            ensure!(chosen.insert(name, action).is_none(), "line {}: {name} stands here twice", at + 1);
        }
        let mut selection = Self {
            actions: chosen.into_values().collect(),
            shapes: BTreeMap::new(),
            inputs: BTreeSet::new(),
            outputs: BTreeSet::new(),
            stored: BTreeSet::new(),
        };
        for at in 0..selection.actions.len() {
            let operation = selection.actions[at].operation;
            selection.inputs.insert(&operation.input);
            selection.reach(model, &operation.input, |sides| &mut sides.request, 0)?;
            if let Some(output) = &operation.output {
                selection.outputs.insert(output);
                selection.reach(model, output, |sides| &mut sides.answer, 0)?;
            }
        }
        for root in STORED {
            // A list of actions may do without some of them.
            if let Some((&root, _)) = selection.shapes.get_key_value(root) {
                selection.store(model, root)?;
            }
        }
        Ok(selection)
    }

    fn store(&mut self, model: &'m Model, name: &'m str) -> Result<()> {
        match model.shape(name)? {
            Shape::Structure(members) => {
                if self.stored.insert(name) {
                    members.iter().try_for_each(|member| self.store(model, &member.shape))?;
                }
            }
            Shape::List { of, .. } => self.store(model, of)?,
            Shape::Enum(_) | Shape::Scalar(_) => {}
        }
        Ok(())
    }

    fn reach(&mut self, model: &'m Model, name: &'m str, side: fn(&mut Sides) -> &mut bool, depth: u32) -> Result<()> {
        // Structures hold one another by value, which a shape that reaches itself would not allow.
        ensure!(depth < 100, "{name} seems to reach itself, which this generator does not know");
        let shape = model.shape(name)?;
        let seen = side(self.shapes.entry(name).or_default());
        if std::mem::replace(seen, true) {
            return Ok(());
        }
        match shape {
            Shape::Structure(members) => {
                for member in members {
                    ensure!(!self.inputs.contains(member.shape.as_str()), "{} is inside {name}", member.shape);
                    self.reach(model, &member.shape, side, depth + 1)?;
                }
            }
            Shape::List { of, .. } => self.reach(model, of, side, depth + 1)?,
            Shape::Enum(_) | Shape::Scalar(_) => {}
        }
        Ok(())
    }
}

fn parse_line(line: &str) -> Result<(&str, bool, u8)> {
    let expected = || anyhow::anyhow!("expected `NAME read|write TIER`, found {line:?}");
    let [name, kind, tier] = line.split_whitespace().collect::<Vec<_>>()[..] else { bail!(expected()) };
    let writes = match kind {
        "read" => false,
        "write" => true,
        _ => bail!(expected()),
    };
    let tier = tier.parse().ok().filter(|tier| (1..=3).contains(tier)).with_context(expected)?;
    Ok((name, writes, tier))
}

/// Whether a string enum of these values becomes a Rust enum.
pub fn is_rust_enum(values: &[String]) -> bool {
    values.len() <= MAX_VARIANTS
}
