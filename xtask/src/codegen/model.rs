//! The service model as botocore writes it, read into what the generator needs.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// The model of one service.
pub struct Model {
    /// The version of the API, a date.
    pub api_version: String,
    /// Every action by name.
    pub operations: BTreeMap<String, Operation>,
    /// Every shape by name.
    pub shapes: BTreeMap<String, Shape>,
}

/// What an action takes and gives, as names of shapes.
pub struct Operation {
    /// The shape of the request.
    pub input: String,
    /// The shape of the answer, if it has one.
    pub output: Option<String>,
}

/// One shape.
pub enum Shape {
    /// A record.
    Structure(Vec<Member>),
    /// Any number of another shape.
    List {
        /// The other shape.
        of: String,
        /// The element around each in an answer.
        item: String,
    },
    /// One of these strings.
    Enum(Vec<String>),
    /// A type without parts, as the Rust type that stands for it.
    Scalar(&'static str),
}

/// One member of a structure.
pub struct Member {
    /// Its name in the model.
    pub name: String,
    /// The name of its shape.
    pub shape: String,
    /// Its name in a request.
    pub query: String,
    /// Its name in an answer.
    pub xml: String,
    /// Whether the model demands it.
    pub required: bool,
    /// Whether an empty list leaves no element in an answer.
    pub omit_empty: bool,
}

impl Model {
    /// Reads the text of a `service-2.json`.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        let root: Value = serde_json::from_slice(json).context("the service model is not JSON")?;
        let metadata = &root["metadata"];
        ensure!(metadata["protocol"] == "ec2", "the protocol is {}, not ec2", metadata["protocol"]);
        let mut operations = BTreeMap::new();
        for (name, operation) in object(&root["operations"])? {
            let input = text(&operation["input"]["shape"]).with_context(|| name.clone())?.to_owned();
            let output = operation["output"]["shape"].as_str().map(str::to_owned);
            operations.insert(name.clone(), Operation { input, output });
        }
        let mut shapes = BTreeMap::new();
        for (name, shape) in object(&root["shapes"])? {
            shapes.insert(name.clone(), read_shape(shape).with_context(|| name.clone())?);
        }
        Ok(Self { api_version: text(&metadata["apiVersion"])?.to_owned(), operations, shapes })
    }

    /// The shape of this name.
    pub fn shape(&self, name: &str) -> Result<&Shape> {
        self.shapes.get(name).with_context(|| format!("the model has no shape {name}"))
    }

    /// The members of the structure of this name.
    pub fn members(&self, name: &str) -> Result<&[Member]> {
        match self.shape(name)? {
            Shape::Structure(members) => Ok(members),
            _ => bail!("{name} is not a structure"),
        }
    }
}

fn read_shape(shape: &Value) -> Result<Shape> {
    Ok(match text(&shape["type"])? {
        "structure" => Shape::Structure(read_members(shape)?),
        "list" => Shape::List {
            of: text(&shape["member"]["shape"])?.to_owned(),
            item: shape["member"]["locationName"].as_str().unwrap_or("member").to_owned(),
        },
        "string" => match shape["enum"].as_array() {
            Some(values) => Shape::Enum(values.iter().map(|v| text(v).map(str::to_owned)).collect::<Result<_>>()?),
            None => Shape::Scalar("String"),
        },
        "integer" => Shape::Scalar("i32"),
        "long" => Shape::Scalar("i64"),
        "boolean" => Shape::Scalar("bool"),
        "double" => Shape::Scalar("f64"),
        "float" => Shape::Scalar("f32"),
        "timestamp" => Shape::Scalar("Timestamp"),
        "blob" => Shape::Scalar("Blob"),
        other => bail!("a shape of type {other}, which this generator does not know"),
    })
}

fn read_members(shape: &Value) -> Result<Vec<Member>> {
    let mut required = BTreeSet::new();
    for name in shape["required"].as_array().into_iter().flatten() {
        required.insert(text(name)?);
    }
    let mut members = Vec::new();
    for (name, member) in object(&shape["members"])? {
        let location = member["locationName"].as_str();
        let query = member["queryName"].as_str().map_or_else(|| capitalised(location.unwrap_or(name)), str::to_owned);
        members.push(Member {
            name: name.clone(),
            shape: text(&member["shape"])?.to_owned(),
            query,
            xml: location.unwrap_or(name).to_owned(),
            required: required.contains(name.as_str()),
            omit_empty: false,
        });
    }
    Ok(members)
}

fn capitalised(name: &str) -> String {
    let mut characters = name.chars();
    characters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + characters.as_str())
}

fn object(value: &Value) -> Result<&serde_json::Map<String, Value>> {
    value.as_object().context("the service model lacks an object where one belongs")
}

fn text(value: &Value) -> Result<&str> {
    value.as_str().context("the service model lacks a string where one belongs")
}
