//! Systems Manager's Parameter Store, as far as AWS fills it itself: the names under which images are published.
//!
//! Nothing is stored. Every image that comes with Daemun is found under a name of its own, and Debian's under the name
//! that Debian publishes its images by on AWS.

use serde::{Deserialize, Serialize};
use types::{ImageId, Region, Timestamp};

use super::read;
use crate::context::Context;
use crate::error::ApiError;
use crate::resource::Image;
use crate::state::State;

super::actions! {
    Ssm:
    "GetParameter" 1 Read get_parameter,
    "GetParameters" 1 Read get_parameters,
    "GetParametersByPath" 1 Read get_parameters_by_path,
}

/// Below which every image that comes with Daemun is found by its name.
const OWN_PATH: &str = "/aws/service/daemun/";
/// The longest name of a parameter.
const MAX_NAME: usize = 2_048;
/// How many names one request may give, and how many parameters a page has at most.
const MAX_PER_CALL: usize = 10;
/// How RunInstances and launch templates name an image by its parameter.
const RESOLVE: &str = "resolve:ssm:";

/// A name under which an image is published.
struct Published<'a> {
    name: String,
    image: &'a Image,
}

impl Published<'_> {
    /// A number that grows with every change of the value: an image that is made anew is another image.
    fn version(&self) -> i64 {
        self.image.created.unix_seconds().max(1)
    }
}

/// All names and their images, in the order of the names.
fn published(state: &State) -> Vec<Published<'_>> {
    let builtin = state.shared.images.values().filter(|image| image.is_builtin);
    let mut all: Vec<Published<'_>> = builtin
        .flat_map(|image| {
            let own = format!("{OWN_PATH}{}", image.name);
            let names = [Some(own), debian_name(image)];
            names.into_iter().flatten().map(move |name| Published { name, image })
        })
        .collect();
    all.sort_by(|a, b| (&a.name, a.image.created).cmp(&(&b.name, b.image.created)));
    // Where two images bear one name, it is the newer that is published.
    all.reverse();
    all.dedup_by(|older, newer| older.name == newer.name);
    all.reverse();
    all
}

/// Where Debian publishes the images of its releases: `/aws/service/debian/release/12/latest/amd64`.
fn debian_name(image: &Image) -> Option<String> {
    let release = image.name.strip_prefix("debian-").filter(|name| name.bytes().all(|b| b.is_ascii_digit()))?;
    let architecture = match image.architecture.as_str() {
        "x86_64" => "amd64",
        other => other,
    };
    Some(format!("/aws/service/debian/release/{release}/latest/{architecture}"))
}

/// A parameter as a request names it: by name or ARN, with a version where one is wanted.
struct Selector<'a> {
    name: &'a str,
    version: Option<&'a str>,
}

impl<'a> Selector<'a> {
    fn new(text: &'a str, region: &Region) -> Self {
        // Parameters that AWS publishes belong to no account.
        let own = format!("arn:aws:ssm:{region}::parameter");
        let text = text.strip_prefix(own.as_str()).unwrap_or(text);
        match text.split_once(':') {
            Some((name, version)) => Self { name, version: Some(version) },
            None => Self { name: text, version: None },
        }
    }
}

/// The parameter that a text names.
///
/// # Errors
/// `ParameterNotFound`, `ParameterVersionNotFound`.
fn find<'a>(state: &'a State, region: &Region, text: &str) -> Result<Published<'a>, ApiError> {
    let selector = Selector::new(text, region);
    let found = published(state).into_iter().find(|parameter| parameter.name == selector.name);
    let found = found.ok_or_else(|| ApiError::new("ParameterNotFound", format!("Parameter {text} not found.")))?;
    match selector.version {
        Some(version) if version.parse() != Ok(found.version()) => Err(ApiError::new(
            "ParameterVersionNotFound",
            format!("Systems Manager could not find version {version} of {}.", selector.name),
        )),
        _ => Ok(found),
    }
}

/// The image that an image id of the form `resolve:ssm:NAME` or `resolve:ssm:NAME:VERSION` stands for; `None` for a
/// text of another form.
///
/// # Errors
/// `InvalidParameterValue` for a parameter that is not there.
pub(crate) fn resolve_image(state: &State, region: &Region, text: &str) -> Option<Result<ImageId, ApiError>> {
    let name = text.strip_prefix(RESOLVE)?;
    Some(find(state, region, name).map(|found| found.image.id).map_err(|_| {
        ApiError::invalid_value(format!("Invalid systems manager parameter: {name}. The parameter could not be found."))
    }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetParameterRequest {
    name: Option<String>,
    /// Nothing here is encrypted, so either wish is granted.
    #[serde(rename = "WithDecryption")]
    _with_decryption: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetParametersRequest {
    names: Option<Vec<String>>,
    #[serde(rename = "WithDecryption")]
    _with_decryption: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ByPathRequest {
    path: Option<String>,
    recursive: Option<bool>,
    #[serde(default, deserialize_with = "read::list")]
    parameter_filters: Vec<serde_json::Value>,
    #[serde(rename = "WithDecryption")]
    _with_decryption: Option<bool>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

/// A parameter as it is answered.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    name: String,
    r#type: &'static str,
    value: String,
    version: i64,
    last_modified_date: f64,
    #[serde(rename = "ARN")]
    arn: String,
    data_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    selector: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GetParameterResult {
    parameter: Parameter,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GetParametersResult {
    parameters: Vec<Parameter>,
    invalid_parameters: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ByPathResult {
    parameters: Vec<Parameter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

impl Parameter {
    fn new(region: &Region, found: &Published<'_>, asked: Option<&str>) -> Self {
        let version = asked.and_then(|text| Selector::new(text, region).version);
        Self {
            name: found.name.clone(),
            r#type: "String",
            value: found.image.id.to_string(),
            version: found.version(),
            last_modified_date: seconds(found.image.created),
            arn: format!("arn:aws:ssm:{region}::parameter{}", found.name),
            data_type: "aws:ec2:image",
            selector: version.map(|version| format!(":{version}")),
        }
    }
}

/// As JSON has moments: seconds since the epoch.
fn seconds(at: Timestamp) -> f64 {
    at.unix_ms as f64 / 1000.0
}

fn validation(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
}

fn check_name(name: &str) -> Result<(), ApiError> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_.-/:".contains(c);
    if !name.is_empty() && name.len() <= MAX_NAME && name.chars().all(is_name) {
        return Ok(());
    }
    Err(validation(
        "Parameter name: can't be prefixed with \"ssm\" (case-insensitive). If formed as a path, it can consist of \
         sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 \
         symbols .-_",
    ))
}

fn get_parameter(
    context: &Context,
    state: &State,
    request: GetParameterRequest,
) -> Result<GetParameterResult, ApiError> {
    let name = request.name.ok_or_else(|| missing("name"))?;
    check_name(&name)?;
    let found = find(state, &context.region, &name)?;
    Ok(GetParameterResult { parameter: Parameter::new(&context.region, &found, Some(&name)) })
}

fn missing(member: &str) -> ApiError {
    validation(format!(
        "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
    ))
}

fn get_parameters(
    context: &Context,
    state: &State,
    request: GetParametersRequest,
) -> Result<GetParametersResult, ApiError> {
    let names = request.names.ok_or_else(|| missing("names"))?;
    if !(1..=MAX_PER_CALL).contains(&names.len()) {
        return Err(validation(format!(
            "1 validation error detected: Value at 'names' failed to satisfy constraint: Member must have length between 1 \
             and {MAX_PER_CALL}"
        )));
    }
    let (mut parameters, mut invalid_parameters) = (Vec::new(), Vec::new());
    for name in names {
        check_name(&name)?;
        match find(state, &context.region, &name) {
            Ok(found) => parameters.push(Parameter::new(&context.region, &found, Some(&name))),
            Err(_) => invalid_parameters.push(name),
        }
    }
    Ok(GetParametersResult { parameters, invalid_parameters })
}

fn get_parameters_by_path(context: &Context, state: &State, request: ByPathRequest) -> Result<ByPathResult, ApiError> {
    let path = request.path.ok_or_else(|| missing("path"))?;
    check_name(&path)?;
    if !path.starts_with('/') {
        return Err(validation("The parameter path must begin with /."));
    }
    if !request.parameter_filters.is_empty() {
        return Err(ApiError::new(
            "InvalidFilterKey",
            "Filters by path, type, key or label have nothing to tell apart here.",
        ));
    }
    let size = match request.max_results {
        None => MAX_PER_CALL,
        Some(size @ 1..=10) => usize::try_from(size).unwrap_or(MAX_PER_CALL),
        Some(size) => {
            return Err(validation(format!(
                "1 validation error detected: Value '{size}' at 'maxResults' failed to satisfy constraint: Member must have \
                 value between 1 and {MAX_PER_CALL}"
            )));
        }
    };
    let all = published(state);
    let after = request.next_token.as_deref();
    if after.is_some_and(|after| !all.iter().any(|parameter| parameter.name == after)) {
        return Err(ApiError::new("InvalidNextToken", "The specified token isn't valid."));
    }
    let prefix = format!("{}/", path.trim_end_matches('/'));
    let is_below = |name: &str| {
        name.strip_prefix(&prefix).is_some_and(|rest| request.recursive == Some(true) || !rest.contains('/'))
    };
    let mut rest = all
        .into_iter()
        .filter(|parameter| is_below(&parameter.name) && after.is_none_or(|after| parameter.name.as_str() > after));
    let page: Vec<Published<'_>> = rest.by_ref().take(size).collect();
    let next_token = page.last().filter(|_| rest.next().is_some()).map(|last| last.name.clone());
    let parameters = page.iter().map(|found| Parameter::new(&context.region, found, None)).collect();
    Ok(ByPathResult { parameters, next_token })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::services::Service::Ssm;
    use crate::services::testing::Bed;

    use super::*;

    const DEBIAN: &str = "/aws/service/debian/release/12/latest/amd64";
    const OWN: &str = "/aws/service/daemun/debian-12";

    #[test]
    fn an_image_is_found_by_its_names() {
        let mut bed = Bed::new();
        let image = bed.image.to_string();
        for name in [DEBIAN, OWN, "arn:aws:ssm:us-east-1::parameter/aws/service/daemun/debian-12"] {
            let answer = bed.ask(Ssm, "GetParameter", json!({"Name": name, "WithDecryption": true})).unwrap();
            let parameter = &answer["Parameter"];
            assert_eq!((&parameter["Value"], &parameter["Type"]), (&json!(image), &json!("String")));
            assert_eq!(parameter["DataType"], "aws:ec2:image");
            let arn = format!("arn:aws:ssm:us-east-1::parameter{}", parameter["Name"].as_str().unwrap());
            assert_eq!(parameter["ARN"], arn);
            let versioned = format!("{name}:{}", parameter["Version"]);
            let again = bed.ask(Ssm, "GetParameter", json!({"Name": versioned})).unwrap();
            assert_eq!(again["Parameter"]["Selector"], format!(":{}", parameter["Version"]));
        }
        for (name, code) in [
            ("/aws/service/debian/release/12/latest/arm64", "ParameterNotFound"),
            ("/aws/service/daemun/my-own", "ParameterNotFound"),
            ("debian-12", "ParameterNotFound"),
            ("", "ValidationException"),
            ("a b", "ValidationException"),
            ("/aws/service/daemun/debian-12:7", "ParameterVersionNotFound"),
            ("/aws/service/daemun/debian-12:label", "ParameterVersionNotFound"),
        ] {
            assert_eq!(bed.error(Ssm, "GetParameter", json!({"Name": name})), code, "{name}");
        }
        for wrong in [json!({}), json!({"Name": 7}), json!({"Name": OWN, "X": 1}), json!([]), json!({"Name": [OWN]})] {
            let code = bed.error(Ssm, "GetParameter", wrong.clone());
            assert!(matches!(code, "ValidationException" | "SerializationException"), "{wrong}: {code}");
        }
    }

    #[test]
    fn several_are_asked_for_at_once() {
        let mut bed = Bed::new();
        let answer = bed.ask(Ssm, "GetParameters", json!({"Names": [DEBIAN, "/no/such", OWN]})).unwrap();
        assert_eq!(answer["InvalidParameters"], json!(["/no/such"]));
        assert_eq!(answer["Parameters"].as_array().unwrap().len(), 2);
        for names in [json!([]), json!(vec![OWN; 11])] {
            assert_eq!(bed.error(Ssm, "GetParameters", json!({"Names": names})), "ValidationException");
        }
    }

    #[test]
    fn a_path_lists_what_is_below_it_page_by_page() {
        let mut bed = Bed::new();
        let names = |answer: &serde_json::Value| -> Vec<String> {
            let list = answer["Parameters"].as_array().unwrap();
            list.iter().map(|parameter| parameter["Name"].as_str().unwrap().to_owned()).collect()
        };
        let ask = json!({"Path": "/aws/service", "Recursive": true, "MaxResults": 1});
        let first = bed.ask(Ssm, "GetParametersByPath", ask.clone()).unwrap();
        assert_eq!(names(&first), [OWN]);
        let mut next = ask;
        next["NextToken"] = first["NextToken"].clone();
        let second = bed.ask(Ssm, "GetParametersByPath", next).unwrap();
        assert_eq!((names(&second), second.get("NextToken")), (vec![DEBIAN.to_owned()], None));
        let flat = bed.ask(Ssm, "GetParametersByPath", json!({"Path": "/aws/service"})).unwrap();
        assert_eq!(names(&flat), [""; 0]);
        let own = bed.ask(Ssm, "GetParametersByPath", json!({"Path": "/aws/service/daemun/"})).unwrap();
        assert_eq!(names(&own), [OWN]);
        for (ask, code) in [
            (json!({"Path": "aws"}), "ValidationException"),
            (json!({"Path": "/aws", "MaxResults": 11}), "ValidationException"),
            (json!({"Path": "/aws", "NextToken": "x"}), "InvalidNextToken"),
            (json!({"Path": "/aws", "ParameterFilters": [{"Key": "Type"}]}), "InvalidFilterKey"),
        ] {
            assert_eq!(bed.error(Ssm, "GetParametersByPath", ask), code);
        }
    }

    #[test]
    fn a_launch_may_name_its_image_so() {
        let bed = Bed::new();
        let resolve = |text: &str| resolve_image(&bed.state, &bed.context.region, text);
        assert_eq!(resolve(&format!("resolve:ssm:{DEBIAN}")), Some(Ok(bed.image)));
        assert_eq!(resolve("ami-00000000000000001"), None);
        let error = resolve("resolve:ssm:/no/such").unwrap().unwrap_err();
        assert_eq!(error.code, "InvalidParameterValue");
    }
}
